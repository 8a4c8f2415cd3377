// The Inspector's command line, each step a command of its own, in the era that the run names.
//
// What its launcher would start is called here, since loading it again for each command takes most of the time.

import { pathToFileURL } from "node:url";
import { json } from "node:stream/consumers";

import { load } from "./walk.mjs";

const NAME = "@modelcontextprotocol/inspector";
const folder = load.resolve(`${NAME}/package.json`).replace(/package\.json$/, "");
const { runCli } = await import(pathToFileURL(`${folder}clients/cli/build/index.js`).href);

/** What a command prints, parsed: the inspector tells of a tool's own error after it has printed it. */
async function print(run, ...words) {
  const target = [run.url, "--transport", "http", "--protocol-era", run.mode];
  const auth = ["--header", `Authorization: Bearer ${run.token}`, "--stored-auth-only"];
  const write = process.stdout.write;
  let printed = "";
  process.stdout.write = (text, ...others) => {
    printed += text;
    others.find((other) => typeof other === "function")?.();
    return true;
  };
  try {
    await runCli(["node", "inspector", ...target, ...auth, "--quiet", "--format", "json", ...words]);
  } catch (error) {
    if (!printed) throw error;
  } finally {
    process.stdout.write = write;
  }
  return JSON.parse(printed).result;
}

/** Arguments as the command line takes them; anything but text as JSON. */
function pairs(option, given) {
  const words = Object.entries(given).map(([name, value]) =>
    `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  return words.length ? [option, ...words] : [];
}

async function take(run, step) {
  const { arguments: given } = step;
  switch (step.do) {
    case "list": {
      const page = await print(run, "--method", `${step.kind}/list`);
      return { names: page[step.kind].map((one) => (step.kind === "resources" ? one.uri : one.name)) };
    }
    case "call": {
      const words = ["--method", "tools/call", "--tool-name", step.tool, ...pairs("--tool-arg", given)];
      return { result: await print(run, ...words) };
    }
    case "prompt": {
      const words = ["--method", "prompts/get", "--prompt-name", step.prompt, ...pairs("--prompt-args", given)];
      return { result: await print(run, ...words) };
    }
    default:
      return { result: await print(run, "--method", "resources/read", "--uri", step.uri) };
  }
}

const seen = {};
for (const run of await json(process.stdin)) {
  const steps = {};
  const { protocolVersion } = await print(run, "--method", "initialize");
  for (const step of run.steps) steps[step.name] = await take(run, step).catch((error) => ({ fault: String(error) }));
  seen[run.client] = { revision: protocolVersion, steps };
}
process.stdout.write(JSON.stringify(seen), () => process.exit(0));
