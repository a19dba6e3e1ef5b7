import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { readCpuMs } from './load-child.ts';
import { keepSteady, type LoadRun, type LoadSample, summarizeLoad } from './load-run.ts';

/** A gateway as clients see it. */
export interface LoadSide {
  readonly name: string;
  readonly url: string;
  /** Of the process whose time counts, its children's too. */
  readonly pid: number;
  readonly model: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface LoadPlan {
  readonly replies: number;
  readonly concurrency: number;
  readonly tokens: number;
  readonly stream: boolean;
  /** Clients begin one after the other within this time. Default: all at once. */
  readonly spreadMs?: number;
  /** Each client asks as often as the others, and times are those of replies that ran while all of them did. Default: of all. */
  readonly isSteady?: boolean;
}

let number = 0;

/** The end token of the fake model. Without the bias it is drawn once in a while, and a reply is shorter than asked. */
const NO_END = { 2: -100 };

/** Asks so often, so many at a time, each with a prompt of its own. */
export async function drive(side: LoadSide, plan: LoadPlan): Promise<LoadRun> {
  const { replies, concurrency, tokens, stream, spreadMs = 0, isSteady = false } = plan;
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency });
  const samples: LoadSample[] = [];
  let left = replies;
  const cpuBefore = readCpuMs(side.pid);
  const startMs = performance.now();
  async function client(place: number): Promise<void> {
    if (spreadMs > 0) await delay((spreadMs * place) / concurrency);
    for (let own = 0; isSteady ? own < replies / concurrency : left-- > 0; own++) {
      const content = `${number++} is the number of a story`;
      const body = JSON.stringify({
        ...{ model: side.model, messages: [{ role: 'user', content }], max_tokens: tokens, stream, temperature: 0.8 },
        logit_bias: NO_END,
        ...(stream && { stream_options: { include_usage: true } }),
      });
      const beganMs = performance.now();
      const asked = await ask(side, { body, tokens, stream }, agent);
      samples.push({ client: place, beganMs, endedMs: performance.now(), tokens, ...asked });
    }
  }
  await Promise.all(Array.from({ length: concurrency }, (_, i) => client(i)));
  const seconds = (performance.now() - startMs) / 1000;
  const cpuAfter = readCpuMs(side.pid);
  agent.destroy();
  const cpuMs = cpuBefore === undefined || cpuAfter === undefined ? undefined : cpuAfter - cpuBefore;
  const run = summarizeLoad(samples, { seconds, cpuMs });
  if (!isSteady) return run;
  const { p50Ms, p99Ms, tookMs, gapsMs } = summarizeLoad(keepSteady(samples), { seconds, cpuMs });
  return { ...run, p50Ms, p99Ms, tookMs, gapsMs };
}

type Asked = Pick<LoadSample, 'failure' | 'events' | 'gapsMs'>;

interface Ask {
  readonly body: string;
  readonly tokens: number;
  readonly stream: boolean;
}

/** An answer that cannot be had, or is not the one that was asked for, is a failure. */
function ask({ url, headers }: LoadSide, { body, tokens, stream }: Ask, agent: Agent): Promise<Asked> {
  return new Promise((resolve) => {
    const fail = ({ message }: Error): void => resolve({ failure: message, events: 0, gapsMs: [] });
    const asked = request(
      new URL('/v1/chat/completions', url),
      {
        method: 'POST',
        agent,
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...headers },
      },
      (answer) => {
        let text = '';
        const arrivedMs: number[] = [];
        answer.setEncoding('utf8');
        answer.on('data', (part: string) => {
          arrivedMs.push(performance.now());
          text += part;
        });
        answer.on('end', () => {
          const type = answer.headers['content-type'] ?? '';
          resolve({
            failure: answer.statusCode === 200 ? findFault(text, { tokens, stream, type }) : nameFailure(text),
            events: stream ? countTexts(text) : 0,
            gapsMs: stream ? arrivedMs.slice(1).map((atMs, i) => atMs - (arrivedMs[i] as number)) : [],
          });
        });
        answer.on('error', fail);
      },
    );
    asked.on('error', fail);
    asked.end(body);
  });
}

/** Counts the pieces of text. The first event of a stream, and the last ones, bring none. */
const countTexts = (answer: string): number => answer.split(/"content":\s*"(?!")/).length - 1;

/** @internal Finds how an answer differs from the one that was asked for. */
export function findFault(
  answer: string,
  { tokens, stream, type }: { readonly tokens: number; readonly stream: boolean; readonly type: string },
): string | undefined {
  if (stream !== type.includes('event-stream')) return `an answer of type ${type}`;
  if (stream && !answer.trimEnd().endsWith('data: [DONE]')) return nameFailure(answer);
  const made = Number(/"completion_tokens":\s*(\d+)/.exec(answer)?.[1]);
  if (made !== tokens) return `${made} tokens instead of ${tokens}`;
  if (!/"finish_reason":\s*"length"/.test(answer)) return 'no finish_reason length';
  return countTexts(answer) > 0 ? undefined : 'no text';
}

/** Returns the message of an answer's error, the last one in a stream. */
const nameFailure = (text: string): string =>
  /"message":\s*"([^"]*)"(?!.*"message":)/s.exec(text)?.[1] ?? `an end without a word: ${text.slice(-80)}`;
