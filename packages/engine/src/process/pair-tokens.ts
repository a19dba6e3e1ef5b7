import { TOKENS_PER_PAIR } from '@ogong/protocol/modality/embedding/request';
import { createLiteralText } from '../decode/text/literal-text.ts';
import type { PromptVocabulary } from '../decode/text/prompt-vocabulary.ts';
import { EngineError } from '../interface/engine-error.ts';

/** Makes tokens of a query and a document. */
export interface PairVocabulary
  extends Pick<PromptVocabulary, 'bos' | 'eos' | 'addBos' | 'controlTokens' | 'tokenize'> {
  /** -1 if there is none. */
  readonly sep: number;
  /** Whether a text ends with `eos`, and whether `sep` stands between two. */
  readonly addEos: boolean;
  readonly addSep: boolean;
}

/** @returns the tokens of both, read as one input. */
export type TokenizePair = (query: string, document: string) => Uint32Array;

const PLACES = ['{query}', '{document}'] as const;
/** Stands in for the texts while what is around them is counted. */
const ANY_LETTER = 'a';

/**
 * How a reranker reads a query and a document (docs/spec/embedding.md, "Reranking"). Control tokens come from the model's file alone:
 * their names in either text are text.
 * @param template the file's own form, with `{query}` and `{document}`; without one, `[BOS] query [EOS] [SEP] document [EOS]`.
 * @throws EngineError('unsupported-model') if the form does not name each of them once, or writes too much around them.
 */
export function createPairTokenizer(vocabulary: PairVocabulary, template: string | undefined): TokenizePair {
  if (template === undefined) return (query, document) => joinPair(vocabulary, query, document);
  const wrong = PLACES.find((place) => template.split(place).length !== 2);
  if (wrong !== undefined)
    throw new EngineError('unsupported-model', `the model's form for reranking must name ${wrong} once`);
  const literal = createLiteralText(vocabulary.controlTokens);
  const tokenize: TokenizePair = (query, document) => {
    const texts = { '{query}': literal.quote(query), '{document}': literal.quote(document) };
    // All places at once: a query may spell the place of a document.
    const filled = template.replaceAll(/\{query\}|\{document\}/g, (place) => texts[place as (typeof PLACES)[number]]);
    return Uint32Array.from(
      literal
        .cut(filled)
        .flatMap(({ text, literal: isLiteral }) => [
          ...vocabulary.tokenize(text, { addSpecial: false, parseSpecial: !isLiteral }),
        ]),
    );
  };
  const count = tokenize(ANY_LETTER, ANY_LETTER).length;
  if (count > TOKENS_PER_PAIR)
    throw new EngineError(
      'unsupported-model',
      `the model's form for reranking writes about ${count} tokens around a query and a document; at most ${TOKENS_PER_PAIR} are served`,
    );
  return tokenize;
}

/** Joins both texts as llama.cpp's server does, if the vocabulary adds such tokens; each part of a text is a text, whatever it spells. */
function joinPair(
  { tokenize, bos, eos, sep, addBos, addEos, addSep }: PairVocabulary,
  query: string,
  document: string,
): Uint32Array {
  const read = (text: string) => tokenize(text, { addSpecial: false, parseSpecial: false });
  const begin = addBos ? [bos] : [];
  // A vocabulary without an end has a separator in its place.
  const end = addEos ? [eos >= 0 ? eos : sep] : [];
  return Uint32Array.from([...begin, ...read(query), ...end, ...(addSep ? [sep] : []), ...read(document), ...end]);
}
