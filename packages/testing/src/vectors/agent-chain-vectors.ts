import { toHex, utf8Decode, utf8Encode } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { toTrustJson } from '@ogong/protocol/stage1/trust';
import { encodeAgentChain } from '@ogong/protocol/verdict/agent/agent-chain';
import { verifyAgentChain } from '@ogong/protocol/verdict/agent/verify-agent-chain';
import { verifyReceipt } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { createSyntheticAgent, WEATHER_ANSWERS } from '../synthetic/synthetic-agent.ts';

/** Lines of a forged file by their numbers from 0; those of the other run begin at 10. */
interface Forgery {
  readonly what: string;
  readonly lines: readonly number[];
  /** A text of one line and its replacement. */
  readonly replace?: { readonly line: number; readonly from: string; readonly to: string };
}

const OTHER_RUN = 10;

const FORGERIES: readonly Forgery[] = [
  { what: 'the whole run', lines: [0, 1, 2, 3] },
  {
    what: 'a changed argument',
    lines: [0, 1, 2, 3],
    replace: { line: 1, from: '{\\"city\\": \\"Paris\\"}"', to: '{\\"city\\": \\"Bonn\\"}"' },
  },
  { what: 'a changed result', lines: [0, 1, 2, 3], replace: { line: 2, from: 'sunny', to: 'snowy' } },
  { what: 'another name of a reply in a call', lines: [0, 1, 2, 3], replace: { line: 1, from: '_0"', to: '_1"' } },
  { what: 'a dropped step', lines: [0, 1, 3] },
  { what: 'a dropped beginning', lines: [0, 2, 3] },
  { what: 'a dropped end', lines: [0, 1, 2] },
  { what: 'a repeated step', lines: [0, 1, 1, 2, 3] },
  { what: 'a run spliced of two', lines: [0, 1, OTHER_RUN + 2, OTHER_RUN + 3] },
];

/** Makes the file of a case. Each line names the hash of the line before, as a forger would write it. */
function forge(crypto: Crypto, files: readonly string[], { lines, replace }: Forgery): Uint8Array {
  const made: string[] = [];
  for (const number of lines) {
    const line = files[Math.floor(number / OTHER_RUN)]?.split('\n')[number % OTHER_RUN] as string;
    const bent = replace?.line === number ? line.replace(replace.from, replace.to) : line;
    const before = made.at(-1);
    const previous = before === undefined ? '' : toHex(crypto.sha256(utf8Encode(before)));
    made.push(bent.replace(/^\{"previous":"[0-9a-f]{64}"/, `{"previous":"${previous}"`));
  }
  return utf8Encode(made.map((line) => `${line}\n`).join(''));
}

/** `vectors/agent-chain.json`: two runs, and forgeries of the first one with the checks that they fail. */
export async function createAgentChainVectors(crypto: Crypto): Promise<unknown> {
  const { steps, trust, nowMs } = createSyntheticAgent(crypto);
  const other = createSyntheticAgent(crypto, WEATHER_ANSWERS, { nonce: 'other' });
  const files = [steps, other.steps].map((run) => utf8Decode(encodeAgentChain(crypto, run)));
  const cases = [];
  for (const forgery of FORGERIES) {
    const verdict = await verifyAgentChain(forge(crypto, files, forgery), {
      crypto,
      verify: ({ receipt, request, response }) => verifyReceipt(receipt, { crypto, request, response, trust, nowMs }),
    });
    const failed = verdict.checks.filter(({ status }) => status === 'fail').map(({ id }) => id);
    cases.push({ ...forgery, hash: verdict.hash, failed, steps: verdict.steps.map((step) => step.failed) });
  }
  return { files, trust: toTrustJson(trust), nowMs, cases };
}
