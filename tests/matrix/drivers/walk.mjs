// A walk through the steps of a plan with any client of Node, and what was seen at each; see walk.py.
//
// Rule: what the client throws is seen, not thrown.

import { createRequire } from "node:module";
import { json } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";

const LIMIT = { timeout: 30_000 };
const SECONDS_BETWEEN = 0.2;

/** What to load packages with; the folder that holds them is this script's only argument. */
export const load = createRequire(`${process.argv[2]}/`);

const LISTS = {
  tools: (client, params) => client.listTools(params),
  prompts: (client, params) => client.listPrompts(params),
  resources: (client, params) => client.listResources(params),
};

/** The capabilities that a client declares, and what it answers by them. */
export const CAPABILITIES = { elicitation: {}, sampling: {} };
export const fillIn = ({ params }) => ({
  action: "accept",
  content: { username: params.message, email: "a@example.test" },
});
export const sample = ({ params }) => ({
  role: "assistant",
  model: "none",
  content: { type: "text", text: `heard ${[params.messages[0].content].flat()[0].text}` },
});

async function names(client, kind) {
  const found = [];
  let cursor;
  do {
    const page = await LISTS[kind](client, { cursor });
    found.push(...page[kind].map((one) => (kind === "resources" ? one.uri : one.name)));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return found;
}

class Walker {
  #client;
  #call;
  #cancelledAt = Date.now();

  constructor(client, call) {
    this.#client = client;
    this.#call = (step, options) => call(client, { name: step.tool, arguments: step.arguments }, { ...LIMIT, ...options });
  }

  async take(step) {
    const progress = [];
    try {
      switch (step.do) {
        case "list":
          return { names: await names(this.#client, step.kind) };
        case "prompt":
          return { result: await this.#client.getPrompt({ name: step.prompt, arguments: step.arguments }, LIMIT) };
        case "read":
          return { result: await this.#client.readResource({ uri: step.uri }, LIMIT) };
        case "cancel":
          await this.#cancel(step, progress);
          return { progress };
        case "ask":
          return { result: await this.#ask(step) };
        default:
          return { result: await this.#call(step, step.progress ? { onprogress: into(progress) } : {}), progress };
      }
    } catch (error) {
      return typeof error.code === "number"
        ? { error: { code: error.code, message: error.message }, progress }
        : { fault: String(error), progress };
    }
  }

  async #cancel(step, progress) {
    const abort = new AbortController();
    const { promise: running, resolve } = Promise.withResolvers();
    const called = this.#call(step, { onprogress: into(progress, resolve), signal: abort.signal });
    await Promise.race([running, called]);
    abort.abort("not wanted any more");
    this.#cancelledAt = Date.now();
    await called.catch(() => {});
  }

  /** The call again and again until it says what is expected, or has had its time since a call was cancelled. */
  async #ask(step) {
    for (;;) {
      const result = await this.#call(step, {});
      const isLate = Date.now() > this.#cancelledAt + step.seconds * 1000;
      if (result.content[0].text === step.says || isLate) return result;
      await sleep(SECONDS_BETWEEN * 1000);
    }
  }
}

function into(progress, running = () => {}) {
  return (report) => {
    progress.push([report.progress, report.total ?? null, report.message ?? null]);
    running();
  };
}

/** Each run of the plan on stdin; `connect` returns a client and the revision that it speaks. */
export async function main(connect, call) {
  const seen = {};
  for (const run of await json(process.stdin)) {
    try {
      const { client, revision } = await connect(run);
      const walker = new Walker(client, call);
      const steps = {};
      for (const step of run.steps) steps[step.name] = await walker.take(step);
      seen[run.client] = { revision, steps };
      await client.close();
    } catch (error) {
      seen[run.client] = { fault: String(error) };
    }
  }
  process.stdout.write(JSON.stringify(seen));
}
