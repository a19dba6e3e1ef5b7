import { tokenOf } from '@ogong/protocol/modality/text/commitment/window';
import type { SamplerSettings } from '@ogong/protocol/modality/text/sampling/sampler';
import type { BatchModel, LocalContext } from './batch-model.ts';
import { createPositionReader } from './capture/position.ts';
import { createLaneSums } from './capture/vocabulary-sums.ts';

/** After this many guesses of which less than a third were right, the model rests for as many steps. */
const JUDGED = 64;

/** A running reply, as a draft model reads it. */
export interface DraftedReply {
  /** The sequence, the same in both contexts. */
  readonly sequence: number;
  /** Tokens of prompt and reply. */
  readonly length: number;
  tokenAt(index: number): number;
  /** The draw of the i-th token after these. */
  drawAt(i: number): number;
  readonly settings: SamplerSettings;
  readonly bias: ReadonlyMap<number, number>;
  readonly counts: ReadonlyMap<number, number>;
  readonly repeated: ReadonlyMap<number, number> | undefined;
  /** How many tokens may be guessed. */
  readonly room: number;
}

/** Guesses what follows running replies by a smaller model of the same vocabulary. */
export interface ModelDrafter {
  /**
   * @returns how many guesses there are for every reply. There are none while the draft model has still to read one of them, which
   * may take several calls. There are none for a while after it was seldom right.
   */
  guess(replies: readonly DraftedReply[]): number;
  /** Returns the last guesses of a sequence. */
  guessesOf(sequence: number): Int32Array;
  /** The cache is in an unknown state. */
  forget(): void;
  free(): void;
}

export interface ModelDrafterOptions {
  /** The draft model. */
  readonly model: BatchModel;
  readonly context: LocalContext;
  /** Guesses for a reply at most. */
  readonly most: number;
}

/**
 * A guess is the token that the reply's own draw gives under the draft model's candidates. If both models think alike, the same
 * draw gives the same token at any temperature. A wrong guess costs time and nothing else.
 */
export function createModelDrafter({ model, context, most }: ModelDrafterOptions): ModelDrafter {
  const { vocabularySize } = model;
  const { sequences, contextSize, batchSize } = context;
  const reader = createPositionReader(vocabularySize, createLaneSums(vocabularySize));
  /** Tokens whose rows are in the cache, by sequence. */
  const held = Array.from({ length: sequences }, () => new Int32Array(contextSize));
  const counts = new Int32Array(sequences);
  const guesses = Array.from({ length: sequences }, () => new Int32Array(most));
  /** State by sequence: the length of its reply at the last guess, and the number of guesses that were read behind it. */
  const last = Array.from({ length: sequences }, () => ({ length: 0, read: 0 }));
  const tally = { read: 0, right: 0, rest: 0 };

  const add = (sequence: number, token: number): void => {
    const position = counts[sequence] as number;
    context.add(token, position, sequence);
    (held[sequence] as Int32Array)[position] = token;
    counts[sequence] = position + 1;
  };

  /** Forgets the rows that are not the reply's: of wrong guesses, and of the reply that had the sequence before. */
  const rewind = ({ sequence, length, tokenAt }: DraftedReply): void => {
    const tokens = held[sequence] as Int32Array;
    // The last row is computed anew if it is held, since its logits are wanted.
    const limit = Math.min(counts[sequence] as number, length - 1);
    let same = 0;
    while (same < limit && tokens[same] === tokenAt(same)) same++;
    const { length: before, read } = last[sequence] as (typeof last)[number];
    tally.read += read;
    tally.right += Math.max(0, Math.min(read, same - before));
    last[sequence] = { length, read: 0 };
    if (same === counts[sequence]) return;
    context.remove(sequence, same);
    counts[sequence] = same;
  };

  /** Reads a part of what is not read yet. @returns whether all but the last token is. */
  const catchUp = ({ sequence, length, tokenAt }: DraftedReply): boolean => {
    const from = counts[sequence] as number;
    const end = Math.min(length - 1, from + batchSize);
    if (end > from) {
      for (let at = from; at < end; at++) add(sequence, tokenAt(at));
      context.decode(false);
    }
    return end === length - 1;
  };

  const isResting = (): boolean => {
    if (tally.read >= JUDGED) {
      if (3 * tally.right < tally.read) tally.rest = JUDGED;
      [tally.read, tally.right] = [0, 0];
    }
    if (tally.rest === 0) return false;
    tally.rest--;
    return true;
  };

  const draft = (replies: readonly DraftedReply[], step: number): void => {
    for (const { sequence, length, tokenAt } of replies)
      add(sequence, step === 0 ? tokenAt(length - 1) : ((guesses[sequence] as Int32Array)[step - 1] as number));
    context.decode(true);
    const logits = context.logits();
    replies.forEach(({ sequence, drawAt, settings, bias, counts: used, repeated }, index) => {
      const offset = context.outputRow(index) * vocabularySize;
      const row = reader.draw({ logits, offset, settings, bias, counts: used, repeated }, drawAt(step));
      (guesses[sequence] as Int32Array)[step] = tokenOf(row);
    });
  };

  return {
    guess(replies) {
      let count = Math.min(most, ...replies.map(({ room }) => room));
      if (count <= 0 || isResting()) return 0;
      for (const reply of replies) {
        rewind(reply);
        if (!catchUp(reply)) count = 0;
      }
      for (let step = 0; step < count; step++) draft(replies, step);
      // The last guess of a reply is not read.
      for (const { sequence, length } of replies) last[sequence] = { length, read: Math.max(0, count - 1) };
      return count;
    },
    guessesOf: (sequence) => guesses[sequence] as Int32Array,
    forget() {
      for (let sequence = 0; sequence < sequences; sequence++) {
        if (counts[sequence] !== 0) context.remove(sequence);
        counts[sequence] = 0;
      }
    },
    free() {
      context.free();
      model.free();
    },
  };
}
