import { concatBytes, equalBytes } from '../../../base/bytes.ts';
import { type Check, fail, pass } from '../../../base/checks.ts';
import { type DrawRow, tokenOf } from '../commitment/window.ts';
import { NAT, TAIL_RANK } from '../sampling/sampler.ts';

/** A log-probability as shown to a consumer, nats. */
export interface ShownLogprob {
  readonly id: number;
  /** Bytes of the token's text. */
  readonly bytes: Uint8Array;
  readonly logprob: number;
}

export interface ShownToken extends ShownLogprob {
  readonly alternatives: readonly ShownLogprob[];
}

/**
 * Checks that the log-probabilities of an answer are the signed ones. There must be one per position. Alternatives must be the
 * listed candidates of least cost, in list order if costs are equal.
 * @param asked alternatives that the request wants per token, 0..20.
 */
export function checkShownLogprobs(rows: readonly DrawRow[], shown: readonly ShownToken[], asked: number): Check {
  const id = 'logprobs';
  if (shown.length !== rows.length) return fail(id, `${shown.length} tokens were shown, ${rows.length} are signed`);
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] as DrawRow;
    const token = shown[i] as ShownToken;
    const cost = row.rank === TAIL_RANK ? (row.tailQ as number) : (row.q[row.rank] as number);
    if (!isShownAs(token, tokenOf(row), cost))
      return fail(id, `position ${i}: another token or value was shown than signed`);
    const best = Array.from(row.ids, (_, rank) => rank).sort((a, b) => (row.q[a] as number) - (row.q[b] as number));
    const wanted = best.slice(0, asked);
    const same =
      token.alternatives.length === wanted.length &&
      wanted.every((rank, j) =>
        isShownAs(token.alternatives[j] as ShownLogprob, row.ids[rank] as number, row.q[rank] as number),
      );
    if (!same) return fail(id, `position ${i}: other alternatives were shown than the best that are signed`);
  }
  return pass(id, `${rows.length} shown log-probabilities are the signed ones`);
}

/**
 * Checks that the shown bytes of tokens are possible, as far as a reader without the vocabulary can tell. A token has the same
 * bytes everywhere, and those of the chosen tokens make the signed text. The text may end before them, at a stop string or an
 * end token. An unfinished character at its end is U+FFFD.
 */
export function checkShownBytes(shown: readonly ShownToken[], text: string): Check {
  const id = 'logprob-bytes';
  const known = new Map<number, Uint8Array>();
  for (const { id: token, bytes } of shown.flatMap((one) => [one, ...one.alternatives])) {
    const before = known.get(token);
    if (before && !equalBytes(before, bytes)) return fail(id, `token ${token} was shown with two texts`);
    known.set(token, bytes);
  }
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  const spelled = decoder.decode(concatBytes(...shown.map(({ bytes }) => bytes)));
  return spelled.startsWith(text)
    ? pass(id, 'the bytes of the shown tokens make the text')
    : fail(id, 'the bytes of the shown tokens make another text');
}

function isShownAs({ id, logprob }: Pick<ShownLogprob, 'id' | 'logprob'>, token: number, cost: number): boolean {
  return id === token && logprob === -cost / NAT;
}
