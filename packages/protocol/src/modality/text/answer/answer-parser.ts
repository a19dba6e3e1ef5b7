import type { AnswerFormat, CallFamily } from './answer-format.ts';
import { type AnswerPiece, type AnswerPieces, createAnswerPieces } from './answer-pieces.ts';
import { type CallReader, readCallList } from './call-object.ts';
import { readDeepseek } from './families/deepseek.ts';
import { readGemma } from './families/gemma.ts';
import { readHarmony } from './families/harmony.ts';
import { readHermes } from './families/hermes.ts';
import { readKimi } from './families/kimi.ts';
import { readLlama } from './families/llama.ts';
import { readMistral } from './families/mistral.ts';
import { readPythonic } from './families/pythonic.ts';
import { getReasoningMarks, type ReasoningMarks } from './reasoning-marks.ts';
import { createTextFeed, type Reading, SPACE, type TextFeed } from './text-feed.ts';

const FAMILIES: Readonly<Record<CallFamily, (reader: CallReader) => Reading<void>>> = {
  hermes: readHermes,
  llama: readLlama,
  mistral: readMistral,
  deepseek: readDeepseek,
  gemma: readGemma,
  harmony: readHarmony,
  kimi: readKimi,
  pythonic: readPythonic,
};

/** The part of the request that determines the parsing of its replies. */
export interface AnswerTerms {
  /** Names of the offered tools. Without tools, no text is a call. */
  readonly tools: readonly string[];
  /** Whether a call is forced. Then the reply is calls in JSON, for any family of the model. */
  readonly isForced: boolean;
  /**
   * Whether the request restricts an answer without calls. Then it has no reasoning, and calls have the marks of `hermes`.
   * Default: no.
   */
  readonly isFormed?: boolean;
}

/**
 * A parser of a reply as it arrives: content, reasoning and calls (docs/spec/answer.md). Any split of the text gives the same
 * answer.
 */
export interface AnswerParser {
  push(text: string): readonly AnswerPiece[];
  /** Ends the reply. */
  end(): readonly AnswerPiece[];
}

export function createAnswerParser(
  format: AnswerFormat,
  { tools, isForced, isFormed = false }: AnswerTerms,
): AnswerParser {
  const feed = createTextFeed();
  const pieces = createAnswerPieces();
  const reader: CallReader = { feed, pieces, tools: new Set(tools) };
  const reading = readAnswer(format, reader, { isForced, isFormed });
  return {
    push(text) {
      feed.add(text);
      reading.next();
      return pieces.drain();
    },
    end() {
      feed.close();
      reading.next();
      pieces.end();
      return pieces.drain();
    },
  };
}

function* readAnswer(
  { calls, reasoning, marks }: AnswerFormat,
  reader: CallReader,
  { isForced, isFormed }: { readonly isForced: boolean; readonly isFormed: boolean },
): Reading<void> {
  const { feed, pieces, tools } = reader;
  if (isForced) {
    yield* feed.run(SPACE);
    yield* readCallList(reader);
  } else if (isFormed) {
    // JSON may contain the mark within a string.
    if (tools.size > 0 && (yield* feed.peek()) === '<') yield* readHermes(reader);
  } else {
    if (reasoning !== 'none') yield* readReasoning(reader, getReasoningMarks(marks), reasoning === 'opened');
    if (tools.size > 0 || calls === 'harmony') yield* FAMILIES[calls](reader);
  }
  yield* feed.until([], pieces.content);
}

function* readReasoning(
  { feed, pieces }: { readonly feed: TextFeed; readonly pieces: AnswerPieces },
  { open, close, answer }: ReasoningMarks,
  isOpened: boolean,
): Reading<void> {
  const space = yield* feed.run(SPACE);
  if (!(yield* feed.take(open)) && !isOpened) return pieces.content(space);
  yield* feed.until([close], pieces.reasoning);
  pieces.endReasoning();
  if (answer === undefined) return;
  const before = yield* feed.run(SPACE);
  if (answer.open === undefined || (yield* feed.take(answer.open))) feed.dropAtEnd(answer.close);
  pieces.content(before);
}

export interface AnswerParts {
  readonly content: string;
  readonly reasoning: string;
  readonly calls: readonly { readonly name: string; readonly arguments: string }[];
}

/** UTF-16 units of a whole reply that are parsed at once. Marks are searched repeatedly in so much text. */
const SLICE = 512;

/** Parses a whole reply. */
export function parseAnswer(text: string, format: AnswerFormat, terms: AnswerTerms): AnswerParts {
  const parser = createAnswerParser(format, terms);
  const pieces: AnswerPiece[] = [];
  for (let at = 0; at < text.length; at += SLICE) pieces.push(...parser.push(text.slice(at, at + SLICE)));
  return joinPieces([...pieces, ...parser.end()]);
}

export function joinPieces(pieces: readonly AnswerPiece[]): AnswerParts {
  const text = { content: '', reasoning: '' };
  const calls: { name: string; arguments: string }[] = [];
  for (const piece of pieces) {
    if (piece.kind === 'call') calls.push({ name: piece.name, arguments: '' });
    else if (piece.kind === 'arguments') (calls[piece.call] as { arguments: string }).arguments += piece.text;
    else text[piece.kind] += piece.text;
  }
  return { ...text, calls };
}
