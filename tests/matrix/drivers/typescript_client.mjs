// The official client for TypeScript of both eras, in the mode that the run names.

import { CAPABILITIES, fillIn, load, main, sample } from "./walk.mjs";

const { Client, StreamableHTTPClientTransport } = load("@modelcontextprotocol/client");

await main(
  async (run) => {
    const options = { capabilities: CAPABILITIES, versionNegotiation: { mode: run.mode } };
    const client = new Client({ name: "matrix", version: "1" }, options);
    client.setRequestHandler("elicitation/create", fillIn);
    client.setRequestHandler("sampling/createMessage", sample);
    const headers = { Authorization: `Bearer ${run.token}` };
    await client.connect(new StreamableHTTPClientTransport(new URL(run.url), { requestInit: { headers } }));
    return { client, revision: client.getNegotiatedProtocolVersion() };
  },
  (client, params, options) => client.callTool(params, options),
);
