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
        ...(stream && { stream_options: { include_usage: true } }),
      });
      const beganMs = performance.now();
      const { made = tokens, ...asked } = await ask(side, body, agent);
      samples.push({ client: place, beganMs, endedMs: performance.now(), tokens: made, ...asked });
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

interface Asked extends Pick<LoadSample, 'failure' | 'events' | 'gapsMs'> {
  /** Tokens; undefined where it does not say. */
  readonly made?: number | undefined;
}

/** An answer that cannot be had is a failure, whatever the reason. */
function ask({ url, headers }: LoadSide, body: string, agent: Agent): Promise<Asked> {
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
          const made = /"completion_tokens":(\d+)/.exec(text)?.[1];
          const isStream = answer.headers['content-type']?.includes('event-stream') ?? false;
          const isGood = answer.statusCode === 200 && (!isStream || text.trimEnd().endsWith('data: [DONE]'));
          resolve({
            failure: isGood ? undefined : nameFailure(text),
            made: made === undefined ? undefined : Number(made),
            // The first event, and the last ones, bring no text.
            events: isStream ? text.split(/"content":"(?!")/).length - 1 : 0,
            gapsMs: isStream ? arrivedMs.slice(1).map((atMs, i) => atMs - (arrivedMs[i] as number)) : [],
          });
        });
        answer.on('error', fail);
      },
    );
    asked.on('error', fail);
    asked.end(body);
  });
}

/** Returns the message of an answer's error, the last one in a stream. */
const nameFailure = (text: string): string =>
  /"message":\s*"([^"]*)"(?!.*"message":)/s.exec(text)?.[1] ?? `an end without a word: ${text.slice(-80)}`;
