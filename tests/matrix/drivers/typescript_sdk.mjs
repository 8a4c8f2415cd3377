// The official package for TypeScript of before 2026-07-28.

import { CAPABILITIES, fillIn, load, main, sample } from "./walk.mjs";

const { Client } = load("@modelcontextprotocol/sdk/client/index.js");
const { StreamableHTTPClientTransport } = load("@modelcontextprotocol/sdk/client/streamableHttp.js");
const { CallToolResultSchema, CreateMessageRequestSchema, ElicitRequestSchema } =
  load("@modelcontextprotocol/sdk/types.js");

await main(
  async (run) => {
    const client = new Client({ name: "matrix", version: "1" }, { capabilities: CAPABILITIES });
    client.setRequestHandler(ElicitRequestSchema, fillIn);
    client.setRequestHandler(CreateMessageRequestSchema, sample);
    const headers = { Authorization: `Bearer ${run.token}` };
    const transport = new StreamableHTTPClientTransport(new URL(run.url), { requestInit: { headers } });
    await client.connect(transport);
    return { client, revision: transport.protocolVersion };
  },
  (client, params, options) => client.callTool(params, CallToolResultSchema, options),
);
