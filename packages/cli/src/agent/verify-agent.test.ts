import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { type AgentStep, encodeAgentChain } from '@ogong/protocol/verdict/agent/agent-chain';
import { toTrustJson } from '@ogong/sdk';
import { createSyntheticAgent } from '@ogong/testing/synthetic/synthetic-agent';
import { afterAll, describe, expect, it } from 'vitest';
import { VERIFY_EXIT } from '../verify-command.ts';
import { agentCommand } from './agent-command.ts';

const directory = mkdtempSync(join(tmpdir(), 'ogong-agent-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const { steps, trust } = createSyntheticAgent(crypto);
const [first, ...rest] = steps as [AgentStep, ...AgentStep[]];

function save(name: string, content: string | Uint8Array): string {
  writeFileSync(join(directory, name), content);
  return join(directory, name);
}
const trusted = save('trust.json', JSON.stringify(toTrustJson(trust)));
const whole = save('run.jsonl', encodeAgentChain(crypto, steps));

async function verify(...argv: string[]) {
  let [out, error] = ['', ''];
  const write = { write: (text: string) => (out += text), writeError: (text: string) => (error += text) };
  const code = await agentCommand.run(['verify', ...argv, '--mesh-dir', directory], write);
  return { code, out, error };
}

describe('ogong agent verify', () => {
  it('prints a run step by step', async () => {
    const { code, out } = await verify(whole, '--trust', trusted);
    expect(code).toBe(VERIFY_EXIT.ok);
    expect(out).toMatch(
      /^step 1 {2}reply [0-9a-f]{32} {2}ogong\/verified\/test\/synthetic {2}0\.000000000000014 OGONG\n {2}I look\.\n {2}weather {"city": "Paris"}\n {4}= sunny in /,
    );
    expect(out).toMatch(/^step 3 .*\n {2}Rome is the warmest\.\nok/m);
    expect(out).toMatch(/^6 passed, 0 failed, 0 skipped\nrun [0-9a-f]{64}\n$/m);
  });

  it('prints all of it as JSON', async () => {
    const { code, out } = await verify(whole, '--trust', trusted, '--json');
    expect(code).toBe(VERIFY_EXIT.ok);
    const { ok, steps: shown } = JSON.parse(out);
    expect([ok, shown.length, shown[1].calls[0].name, shown[2].fee_atomic]).toEqual([true, 3, 'weather', '14000']);
  });

  it('fails for a changed result, and names the step', async () => {
    const calls = first.calls.map((call) => ({ ...call, result: '\u001b[2Jsnow' }));
    const { code, out } = await verify(
      save('bent.jsonl', encodeAgentChain(crypto, [{ ...first, calls }, ...rest])),
      ...['--trust', trusted],
    );
    expect(code).toBe(VERIFY_EXIT.failed);
    expect(out).toMatch(/^FAIL +requests .*: step 2$/m);
    // Results are a stranger's text.
    expect(out).not.toContain('\u001b');
  });

  it('shows the failed checks of a receipt below its step', async () => {
    const forged = [first, { ...(rest[0] as AgentStep), response: first.response }];
    const { code, out } = await verify(save('forged.jsonl', encodeAgentChain(crypto, forged)), '--trust', trusted);
    expect(code).toBe(VERIFY_EXIT.failed);
    expect(out).toMatch(/^step 2 .*(\n {2}.*)*\n {2}FAIL {2}response-hash/m);
  });

  it('is no success without trust, or for a file that is none', async () => {
    const { code, out } = await verify(whole);
    expect([code, out]).toEqual([VERIFY_EXIT.unchecked, expect.stringMatching(/^not checked: router, /m)]);
    const none = await verify(save('none.jsonl', '{}\n'), '--trust', trusted);
    expect([none.code, none.error]).toEqual([VERIFY_EXIT.unusable, expect.stringContaining('without a step')]);
  });
});
