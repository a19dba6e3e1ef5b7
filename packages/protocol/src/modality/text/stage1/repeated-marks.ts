import type { Header } from '../commitment/header.ts';
import { type DrawRow, tokenOf } from '../commitment/window.ts';
import { countPromptReach, createRepeatedTokens } from '../sampling/repeated-tokens.ts';
import { TAIL_RANK } from '../sampling/sampler.ts';

/**
 * Finds a mark of the repetition penalty that no prompt explains (docs/spec/stage-1.md). Tokens of the reply are known here,
 * those of the prompt are not: their marks must fit one prompt at every position.
 * @returns the problem; undefined if there is none.
 */
export function findWrongMark(
  { sampler, promptTokenCount }: Pick<Header, 'sampler' | 'promptTokenCount'>,
  rows: readonly DrawRow[],
): string | undefined {
  const replied = createRepeatedTokens(sampler, []);
  if (replied === undefined) return undefined;
  const isWhole = sampler.repetitionWindow === 0;
  const inPrompt = new Set<number>();
  const outside = new Set<number>();
  for (let position = 0; position < rows.length; position++) {
    const row = rows[position] as DrawRow;
    const { ids, rank, repeated } = row;
    const listed = rank === TAIL_RANK ? [...ids, row.tailId as number] : ids;
    let here = 0;
    for (let i = 0; i < listed.length; i++) {
      const id = listed[i] as number;
      const isMarked = repeated?.marks[i] === 1;
      if (replied.counts.has(id)) {
        if (!isMarked) return `position ${position}: token ${id} of the reply is not marked as repeated`;
      } else if (isMarked) {
        if (outside.has(id)) return `position ${position}: token ${id} is marked as repeated, and was not before`;
        inPrompt.add(id);
        here++;
      } else {
        // A window only leaves tokens of the prompt behind.
        if (isWhole && inPrompt.has(id)) return `position ${position}: token ${id} is not marked, and was before`;
        outside.add(id);
      }
    }
    const reach = countPromptReach(sampler, { promptTokenCount, position });
    const claimed = isWhole ? inPrompt.size : here;
    if (claimed > reach) {
      return `position ${position}: ${claimed} tokens are marked as the prompt's, the penalty covers ${reach} of it`;
    }
    replied.push(tokenOf(row));
  }
  return undefined;
}
