import { answerAgent, createSyntheticAgent, WEATHER_ANSWERS } from '@ogong/testing/synthetic/synthetic-agent';
import { describe, expect, it } from 'vitest';
import { utf8Decode, utf8Encode } from '../../base/bytes.ts';
import { nobleCrypto as crypto } from '../../crypto/noble.ts';
import { verifyReceipt } from '../receipt/verify-receipt.ts';
import { type AgentCall, type AgentStep, encodeAgentChain, MAX_AGENT_STEPS, parseAgentChain } from './agent-chain.ts';
import { createStepMessages, encodeNextRequest, readAgentAnswer } from './agent-messages.ts';
import { verifyAgentChain } from './verify-agent-chain.ts';

const { steps, trust, nowMs } = createSyntheticAgent(crypto);
const [first, second, last] = steps as [AgentStep, AgentStep, AgentStep];
const file = encodeAgentChain(crypto, steps);

const verify = (bytes: Uint8Array, known = trust) =>
  verifyAgentChain(bytes, {
    crypto,
    verify: ({ receipt, request, response }) =>
      verifyReceipt(receipt, { crypto, request, response, trust: known, nowMs }),
  });

/** Ids of the failed checks, and the steps that fail them. The links are computed anew, as a forger would do. */
async function refute(forged: readonly AgentStep[]) {
  const { ok, checks, steps: found } = await verify(encodeAgentChain(crypto, forged));
  const failed = checks.filter(({ status }) => status === 'fail').map(({ id }) => id);
  expect(ok).toBe(failed.length === 0);
  return { failed, steps: found.map((step) => step.failed.join()) };
}

const bend = (step: AgentStep, at: number, fields: Partial<AgentCall>): AgentStep => ({
  ...step,
  calls: step.calls.map((call, i) => (i === at ? { ...call, ...fields } : call)),
});

describe('the chain of an agent', () => {
  it('holds, and shows the calls of each step', async () => {
    const { ok, checks, missing, steps: found, hash } = await verify(file);
    expect(checks.filter(({ status }) => status !== 'pass')).toEqual([]);
    expect([ok, missing]).toEqual([true, []]);
    expect(found.map(({ calls }) => calls.map((call) => call.arguments))).toEqual([
      ['{"city": "Paris"}', '{"city": "Oslo", "days": 2}'],
      ['{"city": "Rome"}'],
      [],
    ]);
    expect(found.at(-1)?.answer?.content).toBe('Rome is the warmest.');
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    const { steps: read } = parseAgentChain(crypto, file);
    expect(encodeAgentChain(crypto, read)).toEqual(file);
  });

  it.each<[string, () => readonly AgentStep[], failed: readonly string[], steps: readonly string[]]>([
    [
      'a changed argument',
      () => [bend(first, 0, { arguments: '{"city": "Bonn"}' }), second, last],
      ['requests', 'calls'],
      ['calls', 'requests', ''],
    ],
    [
      'another tool',
      () => [first, bend(second, 0, { name: 'forecast' }), last],
      ['requests', 'calls'],
      ['', 'calls', 'requests'],
    ],
    [
      'swapped results',
      () => {
        const [a, b] = first.calls as [AgentCall, AgentCall];
        return [bend(bend(first, 0, { result: b.result }), 1, { result: a.result }), second, last];
      },
      ['requests'],
      ['', 'requests', ''],
    ],
    [
      'another id of a call',
      () => [bend(first, 0, { id: 'call_1' }), second, last],
      ['requests', 'calls'],
      ['calls', 'requests', ''],
    ],
    ['a dropped step', () => [first, last], ['requests'], ['', 'requests']],
    ['a dropped beginning', () => [second, last], ['requests'], ['requests', '']],
    ['a dropped end', () => [first, second], ['end'], ['', 'end']],
    ['a repeated step', () => [first, first, second, last], ['requests', 'replies'], ['', 'requests,replies', '', '']],
    ['steps in another order', () => [second, first, last], ['requests'], ['requests', 'requests', 'requests']],
    [
      'the receipt of another request',
      () => [first, { ...second, receipt: last.receipt }, last],
      ['calls', 'replies', 'receipts'],
      ['', 'calls,receipts', 'replies'],
    ],
    [
      'a chain spliced of two',
      () => [first, ...createSyntheticAgent(crypto, WEATHER_ANSWERS, { nonce: 'other' }).steps.slice(1)],
      ['requests'],
      ['', 'requests', ''],
    ],
    [
      'a result that its author wrote into the next request, too',
      () => {
        const bent = bend(second, 0, { result: 'snow' });
        const request = encodeNextRequest(second.request, createStepMessages(readAgentAnswer(second), bent.calls));
        return [first, bent, { ...last, request }];
      },
      ['receipts'],
      ['', '', 'receipts'],
    ],
    [
      'a step after the answer',
      () => {
        const request = encodeNextRequest(last.request, createStepMessages(readAgentAnswer(last), []));
        const { receipt, reply } = answerAgent(crypto, request, 'More.');
        return [...steps, { receipt, request, response: reply.response, calls: [] }];
      },
      ['end'],
      ['', '', 'end', ''],
    ],
  ])('does not hold with %s', async (_, forge, failed, byStep) => {
    expect(await refute(forge())).toEqual({ failed, steps: byStep });
  });

  it('does not hold if a line was changed or taken out later', async () => {
    const lines = utf8Decode(file).split('\n');
    const without = await verify(utf8Encode(lines.toSpliced(2, 1).join('\n')));
    expect(without.steps.map((step) => step.failed.join())).toEqual(['', 'links,requests']);
    const changed = await verify(utf8Encode(lines.with(1, `${lines[1]} `).join('\n')));
    expect(changed.steps.map((step) => step.failed.join())).toEqual(['', 'links', '']);
  });

  it('is not written if nobody could read it', () => {
    const encode = (run: readonly AgentStep[]) => () => encodeAgentChain(crypto, run);
    expect(encode(Array<AgentStep>(1_000).fill(first))).toThrow('at most 256 steps, not 1000');
    const request = new Uint8Array(2 ** 21);
    expect(encode(Array<AgentStep>(256).fill({ ...first, request }))).toThrow('bytes');
  });

  it('is unchecked, and not good, without trust', async () => {
    const { routers: _, ...less } = trust;
    const { ok, checks, missing } = await verify(file, less as typeof trust);
    expect([ok, missing]).toEqual([false, ['router']]);
    expect(checks.find(({ id }) => id === 'receipts')).toMatchObject({ status: 'skip' });
  });

  it.each<[string, (text: string) => string, string]>([
    ['another format', (text) => text.replace('-v1', '-v2'), 'format is not'],
    ['a cut end', (text) => text.slice(0, -1), 'is cut'],
    ['no step', (text) => `${text.split('\n')[0]}\n`, 'without a step'],
    [
      'an unknown field',
      (text) => text.replace('{"previous"', '{"note":1,"previous"'),
      'line 2 of the chain: the field "note" is unknown',
    ],
    [
      'a number as a result',
      (text) => text.replace(/"result":"[^{]*{[^}]*}"/, '"result":1'),
      'result of a call is no text',
    ],
    ['another file behind it', (text) => text + text, 'the field "format" is unknown'],
    ['too many steps', (text) => text + 'x\n'.repeat(MAX_AGENT_STEPS), `at most ${MAX_AGENT_STEPS} steps`],
    ['no hash', (text) => text.replace(/"previous":"./, '"previous":"'), 'previous has 64 hex digits'],
    ['a receipt without its request', (text) => text.replace(/"request":"/, '"asked":"'), 'the receipt has no request'],
  ])('cannot be read with %s', async (_, change, message) => {
    await expect(verify(utf8Encode(change(utf8Decode(file))))).rejects.toThrow(message);
  });
});
