import { type AnswerFormat, listSpelledTokens } from '@ogong/protocol/modality/text/answer/answer-format';

/** Spells tokens. */
interface SpellingVocabulary {
  readonly size: number;
  /** Names of its tokens, as `<|python_tag|>`. */
  textOf(token: number): string;
  bytesOf(token: number): Uint8Array;
  isEnd(token: number): boolean;
}

/** Has the marks of an answer format spell their names if they are control tokens, so that a reader of the text sees them. */
export function spellMarks<V extends SpellingVocabulary>(vocabulary: V, format: AnswerFormat): V {
  const marks = new Set(listSpelledTokens(format));
  const spelled = new Map<number, Uint8Array>();
  for (let token = 0; token < vocabulary.size; token++) {
    if (vocabulary.isEnd(token) || vocabulary.bytesOf(token).length > 0) continue;
    const name = vocabulary.textOf(token);
    if (marks.has(name)) spelled.set(token, new Uint8Array(Buffer.from(name, 'utf8')));
  }
  return { ...vocabulary, bytesOf: (token) => spelled.get(token) ?? vocabulary.bytesOf(token) };
}
