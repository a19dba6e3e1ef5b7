import { EngineError } from '@ogong/engine/interface/engine-error';
import type { TextEngine } from '@ogong/engine/interface/text';
import { DEFAULT_DIRECTIONS } from '@ogong/protocol/commitment/sketch';
import { type DrawRow, decodeDraws, tokenOf } from '@ogong/protocol/modality/text/commitment/window';
import type { AnswerToken } from '@ogong/protocol/modality/text/dialect/completion-formats';
import { formatOverflow } from '@ogong/protocol/modality/text/request/context-overflow';
import { NAT, PLAIN_SAMPLER, TAIL_RANK } from '@ogong/protocol/modality/text/sampling/sampler';

/** Each token with what else could have stood there, by one pass. @throws EngineError */
export async function scoreTokens(
  engine: TextEngine,
  tokens: Uint32Array,
  { topLogprobs, signal }: { readonly topLogprobs: number; readonly signal: AbortSignal },
): Promise<readonly AnswerToken[]> {
  const { contextSize, vocabularySize, numericClass } = engine.info();
  if (tokens.length > contextSize) {
    throw new EngineError('prompt-too-long', formatOverflow({ promptTokens: tokens.length, contextSize }));
  }
  const outputTokens = tokens.subarray(1);
  const scored =
    outputTokens.length === 0
      ? { windows: [] }
      : await engine.score(
          {
            ...{ promptTokens: tokens.subarray(0, 1), outputTokens, sampler: PLAIN_SAMPLER, bias: [], numericClass },
            sketch: { bankSeed: new Uint8Array(32), directions: DEFAULT_DIRECTIONS },
            listSizes: new Uint8Array(outputTokens.length).fill(Math.max(1, topLogprobs)),
          },
          { signal },
        );
  const rows = scored.windows.flatMap(({ draws }) => decodeDraws(draws, { vocabularySize }).rows);
  const shown = rows.map((row) => listChances(row, topLogprobs));
  const ids = new Set([...tokens, ...shown.flatMap(({ alternatives }) => alternatives.map(({ id }) => id))]);
  const spelled = await Promise.all(
    [...ids].map(async (id) => [id, await engine.detokenize(Uint32Array.of(id))] as const),
  );
  const texts = new Map(spelled);
  const spell = ({ id, logprob }: Chance) => ({ bytes: texts.get(id) as Uint8Array, logprob });
  const first = [...tokens.subarray(0, 1)].map((id) => ({ ...spell({ id, logprob: null }), alternatives: [] }));
  return [
    ...first,
    ...shown.map(({ token, alternatives }) => ({ ...spell(token), alternatives: alternatives.map(spell) })),
  ];
}

interface Chance {
  readonly id: number;
  readonly logprob: number | null;
}

function listChances(
  row: DrawRow,
  topLogprobs: number,
): { readonly token: Chance; readonly alternatives: readonly Chance[] } {
  const cost = row.rank === TAIL_RANK ? (row.tailQ as number) : (row.q[row.rank] as number);
  const listed = [...row.ids].map((id, rank) => ({ id, logprob: -(row.q[rank] as number) / NAT }));
  const alternatives = listed.sort((a, b) => b.logprob - a.logprob).slice(0, topLogprobs);
  return { token: { id: tokenOf(row), logprob: -cost / NAT }, alternatives };
}
