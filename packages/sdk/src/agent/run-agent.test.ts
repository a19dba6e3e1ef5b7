import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { WEATHER_ANSWERS, WEATHER_TOOL, writeCall } from '@ogong/testing/synthetic/synthetic-agent';
import { createSyntheticGateway } from '@ogong/testing/synthetic/synthetic-gateway';
import { SYNTHETIC_MODEL } from '@ogong/testing/synthetic/synthetic-reply';
import { describe, expect, it } from 'vitest';
import {
  AgentError,
  type AgentOptions,
  type AgentTool,
  createClient,
  encodeAgentChain,
  runAgent,
  type Trust,
  verifyAgentChain,
} from '../index.ts';

/** A gateway whose model gives the texts, one after the other; it repeats the last one. */
function createGateway(texts: readonly string[], trusted: Trust = {}) {
  const answer = (_: unknown, place: number): string => texts[Math.min(place, texts.length - 1)] as string;
  const { fetch, trust, requests } = createSyntheticGateway(crypto, answer);
  const client = createClient({ baseUrl: 'http://gateway.test', fetch, trust: { ...trust, ...trusted } });
  return { client, trust, requests };
}

const BODY = { model: SYNTHETIC_MODEL, messages: [{ role: 'user', content: 'Where is it warm?' }], max_tokens: 64 };

const weather: AgentTool = { ...WEATHER_TOOL, run: ({ city }) => `sunny in ${city}` };

const run = (texts: readonly string[], options: Partial<AgentOptions> = {}, trusted: Trust = {}) => {
  const gateway = createGateway(texts, trusted);
  const { model, messages, max_tokens: maxTokens } = BODY;
  const ended = runAgent({ client: gateway.client, model, messages, maxTokens, tools: [weather], ...options });
  return { ...gateway, ended };
};

/** Results that the model received in its second request. */
const resultsOf = ({ requests }: Pick<ReturnType<typeof run>, 'requests'>): unknown[] =>
  ((requests[1]?.messages ?? []) as { role: string; content: string }[])
    .filter(({ role }) => role === 'tool')
    .map(({ content }) => content);

describe('an agent', () => {
  it('runs tools until the model answers, and its file holds', async () => {
    const seen: string[] = [];
    const { ended, trust, requests } = run(WEATHER_ANSWERS, {
      onProgress: (progress) => seen.push(progress.kind === 'answer' ? progress.content : progress.call.result),
    });
    const { content, steps, feeAtomic, finishReason } = await ended;
    expect([content, finishReason, steps.length]).toEqual(['Rome is the warmest.', 'stop', 3]);
    expect(seen).toEqual([
      ...['I look.', 'sunny in Paris', 'sunny in Oslo', '', 'sunny in Rome', 'Rome is the warmest.'],
    ]);
    expect(feeAtomic).toBeGreaterThan(0n);
    const salts = requests.map(({ ogong }) => (ogong as { salt: string }).salt);
    expect(new Set(salts).size).toBe(1);
    expect(salts[0]).toMatch(/^[0-9a-f]{32}$/);
    const verdict = await verifyAgentChain(encodeAgentChain(steps), { trust, nowMs: Date.now() });
    expect(verdict.checks.filter(({ status }) => status !== 'pass')).toEqual([]);
    expect(verdict.ok).toBe(true);
    expect((await verifyAgentChain(encodeAgentChain(steps.slice(0, 2)), { trust })).ok).toBe(false);
  });

  it.each<[string, string, Partial<AgentTool>, RegExp]>([
    [
      'arguments of another form',
      writeCall('weather', '{"city": 7}'),
      {},
      /^error: arguments.city is not of type string$/,
    ],
    ['a missing argument', writeCall('weather', '{"days": 2}'), {}, /^error: arguments lacks city$/],
    ['a foreign argument', writeCall('weather', '{"city": "Rome", "x": 1}'), {}, /^error: arguments.x is not allowed$/],
    ['no object', writeCall('weather', '"[1]"'), {}, /^error: the arguments are no JSON object$/],
    ['an unknown tool', writeCall('delete', '{}'), {}, /^error: there is no tool delete; there are weather$/],
    [
      'a tool that fails',
      writeCall('weather', '{"city": "Rome"}'),
      { run: () => Promise.reject(new Error('no \u001b[31mnetwork')) },
      /^error: no .{0,4}\[31mnetwork$/,
    ],
    [
      'a tool that hangs',
      writeCall('weather', '{"city": "Rome"}'),
      { run: () => new Promise<string>(() => {}) },
      /^error: the tool took longer than 20 ms$/,
    ],
    [
      'a long result',
      writeCall('weather', '{"city": "Rome"}'),
      { run: () => 'é'.repeat(51) },
      /^error: the result is longer than 100 bytes$/,
    ],
    [
      'an error that ends within a character',
      writeCall('weather', '{"city": "Rome"}'),
      { run: () => Promise.reject(new Error(`${'x'.repeat(999)}\u{1f600}`)) },
      /^error: x{999}\ufffd$/,
    ],
    [
      'an error whose message is no text',
      writeCall('weather', '{"city": "Rome"}'),
      { run: () => Promise.reject(Object.assign(new Error(), { message: 7 })) },
      /^error: 7$/,
    ],
  ])('tells the model about %s', async (_, text, tool, message) => {
    const tools = [{ ...weather, ...tool }];
    const given = run([text, 'Done.'], { tools, toolTimeoutMs: 20, maxResultBytes: 100 });
    expect((await given.ended).content).toBe('Done.');
    const [result] = resultsOf(given);
    expect(result).toMatch(message);
    expect(result).not.toContain('\u001b');
  });

  const [asks] = WEATHER_ANSWERS as [string];
  const given = { city: 'Rome' };

  it.each<[string, Partial<AgentOptions>, string, steps: number]>([
    ['its last permitted step', { maxSteps: 2 }, 'step-limit', 2],
    ['its budget is spent', { maxFeeAtomic: 1n }, 'budget', 1],
    ['a call in its beginning', { messages: [{ role: 'tool', content: 'x' }] }, 'history', 0],
    ['a schema that cannot be checked', { tools: [{ ...weather, parameters: { pattern: 'a' } }] }, 'schema', 0],
    ['a schema of a wrong form', { tools: [{ ...weather, parameters: { items: { minLength: 'a' } } }] }, 'schema', 0],
    ['an abort', { signal: AbortSignal.abort(), tools: [weather] }, 'aborted', 0],
  ])('ends at %s', async (_, options, code, steps) => {
    const error = await run([asks], options).ended.catch((cause: AgentError) => cause);
    expect(error).toBeInstanceOf(AgentError);
    expect([(error as AgentError).code, (error as AgentError).steps.length]).toEqual([code, steps]);
  });

  it('ends while a tool runs, if its caller gives up', async () => {
    const abort = new AbortController();
    const tool: AgentTool = {
      ...weather,
      run: (_, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error('stopped')));
          abort.abort(new Error('enough'));
        }),
    };
    const error = await run([asks], { tools: [tool], signal: abort.signal }).ended.catch((cause: AgentError) => cause);
    expect(error).toMatchObject({ code: 'aborted', cause: { message: 'enough' } });
  });

  it('begins no further call once its caller has given up', async () => {
    const abort = new AbortController();
    let runs = 0;
    const tool: AgentTool = {
      ...weather,
      run() {
        abort.abort(new Error('enough'));
        return `${++runs}`;
      },
    };
    const { ended } = run(WEATHER_ANSWERS, { tools: [tool], signal: abort.signal });
    await expect(ended).rejects.toMatchObject({ code: 'aborted', cause: { message: 'enough' } });
    expect(runs).toBe(1);
  });

  it('runs no tool of an answer with more calls than the next request may have', async () => {
    let runs = 0;
    const tools = [{ ...weather, run: () => `${++runs}` }];
    const { ended } = run([writeCall('weather', '{"city": "Rome"}').repeat(129)], { tools });
    await expect(ended).rejects.toMatchObject({ code: 'too-many-calls', steps: [] });
    expect(runs).toBe(0);
  });

  it('runs no tool for an answer that fails its checks', async () => {
    let runs = 0;
    const tools = [{ ...weather, run: () => `${runs++}` }];
    const { ended } = run([asks], { tools }, { routers: [] });
    await expect(ended).rejects.toMatchObject({ code: 'refused', steps: [] });
    expect(runs).toBe(0);
  });

  it('gives a tool arguments that fit its schema', async () => {
    const received: unknown[] = [];
    const tools = [{ ...weather, run: (one: unknown) => `${received.push(one)}` }];
    await run([writeCall('weather', JSON.stringify(given)), 'Done.'], { tools }).ended;
    expect(received).toEqual([given]);
  });
});
