import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { readCpuMs } from './load-child.ts';

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
}

export interface LoadRun {
  readonly replies: number;
  readonly repliesPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of the gateway, for each reply; undefined where /proc is not there. */
  readonly cpuMs: number | undefined;
  /** Of all streams: tokens that were made, and events that came with a part of a text. */
  readonly tokens: number;
  readonly events: number;
  readonly failures: number;
  /** What the first few of them said. */
  readonly reasons: readonly string[];
}

let number = 0;

/** Asks so often, so many at a time, each with a prompt of its own. */
export async function drive(
  side: LoadSide,
  { replies, concurrency, tokens, stream, spreadMs = 0 }: LoadPlan,
): Promise<LoadRun> {
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency });
  const tookMs: number[] = [];
  let left = replies;
  let failures = 0;
  const reasons = new Map<string, number>();
  let [madeTokens, events] = [0, 0];
  const cpuBefore = readCpuMs(side.pid);
  const startMs = performance.now();
  async function client(place: number): Promise<void> {
    if (spreadMs > 0) await delay((spreadMs * place) / concurrency);
    while (left-- > 0) {
      const content = `${number++} is the number of a story`;
      const body = JSON.stringify({
        ...{ model: side.model, messages: [{ role: 'user', content }], max_tokens: tokens, stream, temperature: 0.8 },
        ...(stream && { stream_options: { include_usage: true } }),
      });
      const beganMs = performance.now();
      const answer = await ask(side, body, agent);
      tookMs.push(performance.now() - beganMs);
      events += answer.events;
      madeTokens += answer.tokens ?? tokens;
      if (answer.failure === undefined) continue;
      failures++;
      reasons.set(answer.failure, (reasons.get(answer.failure) ?? 0) + 1);
    }
  }
  await Promise.all(Array.from({ length: concurrency }, (_, i) => client(i)));
  const seconds = (performance.now() - startMs) / 1000;
  const cpuAfter = readCpuMs(side.pid);
  agent.destroy();
  tookMs.sort((a, b) => a - b);
  const cpu = cpuBefore === undefined || cpuAfter === undefined ? undefined : cpuAfter - cpuBefore;
  const at = (share: number): number =>
    tookMs[Math.min(tookMs.length - 1, Math.floor(share * tookMs.length))] ?? Number.NaN;
  return {
    ...{ replies, repliesPerSecond: replies / seconds, p50Ms: at(0.5), p99Ms: at(0.99), failures },
    reasons: [...reasons].map(([reason, count]) => `${count} ${reason}`),
    cpuMs: cpu && cpu / replies,
    ...{ tokens: madeTokens, events },
  };
}

interface Asked {
  /** Undefined for an answer that is whole. */
  readonly failure: string | undefined;
  /** With a part of the text. */
  readonly events: number;
  /** Undefined where it does not say. */
  readonly tokens: number | undefined;
}

function ask({ url, headers }: LoadSide, body: string, agent: Agent): Promise<Asked> {
  return new Promise((resolve, reject) => {
    const asked = request(
      new URL('/v1/chat/completions', url),
      {
        method: 'POST',
        agent,
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...headers },
      },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (part: string) => {
          text += part;
        });
        answer.on('end', () => {
          const made = /"completion_tokens":(\d+)/.exec(text)?.[1];
          const isStream = answer.headers['content-type']?.includes('event-stream') ?? false;
          const isGood = answer.statusCode === 200 && (!isStream || text.trimEnd().endsWith('data: [DONE]'));
          resolve({
            failure: isGood ? undefined : nameFailure(text),
            // An event without a text is the first, or the last ones.
            events: isStream ? text.split(/"content":"(?!")/).length - 1 : 0,
            tokens: made === undefined ? undefined : Number(made),
          });
        });
        answer.on('error', reject);
      },
    );
    asked.on('error', reject);
    asked.end(body);
  });
}

/** What an answer's error says, which stands last in a stream. */
const nameFailure = (text: string): string =>
  /"message":\s*"([^"]*)"(?!.*"message":)/s.exec(text)?.[1] ?? `an end without a word: ${text.slice(-80)}`;
