import type { TextEngine } from '@ogong/engine/interface/text';
import { scoreTokens } from '@ogong/provider/modality/text/token-scores';
import type { Listing } from './listing.ts';
import type { Reference, ShownReply } from './party.ts';
import { keepText } from './read-shown.ts';

/** As many as an API may show, so that hardly any token of its list is missing here. */
const LISTED = 20;

/** A model on this machine: one pass over the reply lists every position. Closing it closes the engine. */
export function createLocalReference(name: string, engine: TextEngine): Reference {
  return {
    name,
    async list(reply) {
      const { tokens, from, count } = await findTokens(engine, reply);
      if (count === 0) return [];
      const scored = await scoreTokens(engine, tokens, { topLogprobs: LISTED, signal: new AbortController().signal });
      return scored.slice(from, from + count).map(({ alternatives }): Listing => {
        const named = alternatives.map(({ bytes, logprob }) => [keepText(bytes), logprob ?? 0] as const);
        return new Map(named.flatMap(([token, logprob]) => (token === undefined ? [] : [[token, logprob] as const])));
      });
    },
    close: () => engine.close(),
  };
}

/** Prompt and reply in this model's tokens, and which of its positions are positions of the reply. */
async function findTokens(
  engine: TextEngine,
  { isChat, prompt, tokens, listings }: ShownReply,
): Promise<{ readonly tokens: Uint32Array; readonly from: number; readonly count: number }> {
  if (isChat) {
    const asked = await engine.tokenizePrompt({ kind: 'chat', messages: [{ role: 'user', content: prompt }] });
    // The list of the position after the prompt does not depend on the token at that position.
    return { tokens: Uint32Array.of(...asked, asked.at(-1) as number), from: asked.length, count: 1 };
  }
  const text = Buffer.from(tokens.join(''), 'hex').toString('utf8');
  const [before, whole] = await Promise.all([
    engine.tokenizePrompt({ kind: 'text', text: prompt }),
    engine.tokenizePrompt({ kind: 'text', text: prompt + text }),
  ]);
  const from = before.length;
  if (before.some((token, i) => whole[i] !== token)) return { tokens: whole, from, count: 0 };
  // A model may spell a text in more than one way: beyond the first token that is another here, positions are others.
  let same = 0;
  for (const [i, token] of tokens.entries()) {
    const id = whole[from + i];
    if (id === undefined || keepText(await engine.detokenize(Uint32Array.of(id))) !== token) break;
    same++;
  }
  const count = Math.min(listings.length, same + 1);
  const last = whole[from + count - 1] === undefined ? [whole.at(-1) as number] : [];
  return { tokens: Uint32Array.of(...whole.subarray(0, from + count), ...last), from, count };
}
