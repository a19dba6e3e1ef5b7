import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export type SoakActionName = keyof typeof ACTIONS;

/** Outcome of one turn of the load: its status or its error. */
export interface SoakTurn {
  readonly action: SoakActionName;
  /** Why it is not as it should be; undefined where it is. */
  readonly problem: string | undefined;
}

interface SoakTools {
  readonly base: string;
  readonly model: string;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

type Act = (tools: SoakTools) => Promise<string | undefined>;

const send = (base: string, path: string, body: unknown, signal?: AbortSignal): Promise<Response> =>
  fetch(`${base}${path}`, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
    ...(signal && { signal }),
  });

const ask = ({ model, random }: SoakTools, tokens: number, stream: boolean) => ({
  ...{ model, stream, messages: [{ role: 'user', content: 'Once upon a time '.repeat(1 + Math.floor(8 * random())) }] },
  options: { num_predict: Math.ceil(tokens * random()), seed: Math.floor(1e6 * random()) },
});

const expectStatus = async (response: Response, status: number): Promise<string | undefined> => {
  const text = await response.text();
  return response.status === status ? undefined : `status ${response.status}, not ${status}: ${text.slice(0, 200)}`;
};

/** Actions of people and programs on local mode, good and bad. */
const ACTIONS = {
  whole: async (tools) => expectStatus(await send(tools.base, '/api/chat', ask(tools, 64, false)), 200),
  streamed: async (tools) => {
    const response = await send(tools.base, '/api/chat', ask(tools, 64, true));
    const last = (await response.text()).trim().split('\n').at(-1) ?? '';
    return last.includes('"done":true') ? undefined : `a stream ended with ${last.slice(0, 200)}`;
  },
  openai: async (tools) => {
    const { options, ...asked } = ask(tools, 64, false);
    return expectStatus(
      await send(tools.base, '/v1/chat/completions', { ...asked, max_tokens: options.num_predict }),
      200,
    );
  },
  bound: async (tools) =>
    expectStatus(await send(tools.base, '/api/chat', { ...ask(tools, 64, false), format: { type: 'boolean' } }), 200),
  /** Leaves in the middle of its answer. */
  left: async (tools) => {
    const leaving = new AbortController();
    const response = await send(tools.base, '/api/chat', ask(tools, 400, true), leaving.signal);
    await response.body?.getReader().read();
    leaving.abort();
    return undefined;
  },
  /** Reads nothing of its answer for a while, and then leaves. */
  unread: async (tools) => {
    const body = JSON.stringify({ ...ask(tools, 400, true), logprobs: true, top_logprobs: 20 });
    const { port } = new URL(tools.base);
    const socket = connect(Number(port), '127.0.0.1').pause();
    socket.on('error', () => undefined);
    socket.write(`POST /api/chat HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    await delay(500);
    socket.destroy();
    return undefined;
  },
  malformed: async (tools) => expectStatus(await send(tools.base, '/api/chat', '{"model": "'), 400),
  unknown: async (tools) => expectStatus(await send(tools.base, '/api/chat', { model: 'nobody', messages: [] }), 404),
  list: async (tools) => expectStatus(await fetch(`${tools.base}/api/tags`), 200),
} as const satisfies Readonly<Record<string, Act>>;

const NAMES = Object.keys(ACTIONS) as SoakActionName[];

export async function actOnce(tools: SoakTools): Promise<SoakTurn> {
  const action = NAMES[Math.floor(tools.random() * NAMES.length)] as SoakActionName;
  try {
    return { action, problem: await ACTIONS[action](tools) };
  } catch (error) {
    return { action, problem: String(error) };
  }
}

/** As many answers at once as there are slots: each that was lost keeps one of them waiting. */
export async function countAnswers(tools: SoakTools, slots: number, patienceMs: number): Promise<number> {
  const signal = AbortSignal.timeout(patienceMs);
  const answers = Array.from({ length: slots }, async () => {
    const response = await send(tools.base, '/api/chat', ask(tools, 32, false), signal);
    await response.text();
    return response.status;
  });
  return (await Promise.allSettled(answers)).filter((each) => each.status === 'fulfilled' && each.value === 200).length;
}
