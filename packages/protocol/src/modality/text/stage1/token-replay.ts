import { equalBytes } from '../../../base/bytes.ts';
import { type Check, fail, pass, skip } from '../../../base/checks.ts';
import type { Opening } from '../../../commitment/opening.ts';
import type { RecordV2 } from '../../../commitment/record.ts';
import type { Crypto } from '../../../crypto/crypto.ts';
import { checkPosture } from '../../../tier/posture.ts';
import type { Tier, TierEntry } from '../../../tier/tier.ts';
import { type Header, hashTokens } from '../commitment/header.ts';
import { decodeTokenWindow, NO_TOKENS_HASH } from '../commitment/token-window.ts';
import { WINDOW_TOKENS } from '../commitment/window.ts';

/** Checks of texts that such windows leave out. Their tier names them, and those of other modalities. */
const NOT_OF_TOKENS: readonly string[] = ['listing', 'draw-replay', 'shape-classes'];

export interface TokenReplay {
  readonly checks: readonly Check[];
  /** Empty if the server names none. */
  readonly outputTokens: Uint32Array;
}

/**
 * Runs stage 1 for a reply whose windows contain tokens alone: everything that its bytes prove or refute. The parts that the
 * tier leaves out are skipped checks under their names (docs/spec/vanilla-tier.md).
 * @throws ProtocolError if a window does not parse.
 */
export function replayTokens(
  crypto: Crypto,
  { record, header, opening }: { readonly record: RecordV2; readonly header: Header; readonly opening: Opening },
  { tier, tiers }: { readonly tier: Tier; readonly tiers: readonly TierEntry[] },
): TokenReplay | { readonly problem: Check } {
  const ids: number[] = [];
  let count = 0;
  const isNamed = new Set<boolean>();
  for (const [w, { draws, sketch }] of opening.windows.entries()) {
    const window = decodeTokenWindow(draws);
    const isLast = w === opening.windows.length - 1;
    isNamed.add(window.ids.length > 0);
    if (sketch.length > 0 || isNamed.size > 1 || (!isLast && window.count !== WINDOW_TOKENS)) {
      const problem =
        sketch.length > 0 ? 'a sketch' : isNamed.size > 1 ? 'token ids, or none, unlike others' : 'too few positions';
      return { problem: fail('commitment-form', `window ${w} holds ${problem}`) };
    }
    count += window.count;
    ids.push(...window.ids);
  }
  const outputTokens = Uint32Array.from(ids);
  const tokensHash = isNamed.has(true) ? hashTokens(crypto, opening.blind, outputTokens) : NO_TOKENS_HASH;
  return {
    outputTokens,
    checks: [
      pass('commitment-form', `${count} positions in ${opening.windows.length} windows`),
      checkPosture(header, tiers),
      checkCount(record, header, { count, tokensHash }),
      ...NOT_OF_TOKENS.map((id) =>
        skip(id, `tier ${tier.name} shows no candidates: how its tokens came to be is not checked`),
      ),
    ],
  };
}

function checkCount(
  record: RecordV2,
  header: Header,
  { count, tokensHash }: { readonly count: number; readonly tokensHash: Uint8Array },
): Check {
  const id = 'token-count';
  if (count !== record.tokenCount || count !== header.outputTokenCount) {
    return fail(id, `record says ${record.tokenCount}, header ${header.outputTokenCount}, windows ${count}`);
  }
  if (!equalBytes(tokensHash, header.outputTokensHash)) {
    return fail(id, 'the tokens of the windows are not the ones that the header hashes');
  }
  if (count > header.maxTokens) return fail(id, `${count} tokens with a limit of ${header.maxTokens}`);
  return pass(id, `${count} tokens by the provider's count, stop reason ${header.stopReason}`);
}
