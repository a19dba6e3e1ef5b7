import { readFileSync } from 'node:fs';

/** Conversations of the tuning half choose constants; those of the test half are reported. */
export type Half = 'tuning' | 'test';

/** A sentence that a user writes, and the fact that it states. Slots such as `{city}` are filled for each conversation. */
export interface ThreadStep {
  readonly say: string;
  readonly fact: string;
  /** Default: `user`. */
  readonly subject?: string;
  /** Words of `say` that give the time. */
  readonly when?: string;
  /** Index of the step whose fact is stale from here on. */
  readonly ends?: number;
  /** Index of the step whose fact this step states again. */
  readonly repeats?: number;
}

/** One topic in the life of a user. Each step stands in a session of its own. */
export interface Thread {
  readonly topic: string;
  readonly half: Half;
  readonly steps: readonly ThreadStep[];
  readonly asks: readonly { readonly ask: string; readonly answer: string; readonly step: number }[];
}

/** A sentence, and a false reading of it: a wish, a question or the fact of somebody else, read as a fact of the user. */
export interface Trap {
  readonly half: Half;
  readonly say: string;
  readonly reading: string;
}

/** A sentence and a reading of it that no conversation has. */
export interface FurtherReading extends Pick<Trap, 'say' | 'reading'> {
  /** Default: the user. */
  readonly subject?: string;
}

const folder = new URL('../../../memory-set/', import.meta.url);

function readLines(name: string): readonly unknown[] {
  const lines = readFileSync(new URL(name, folder), 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as unknown);
}

export const readThreads = (): readonly Thread[] => readLines('threads.jsonl') as readonly Thread[];
export const readTraps = (): readonly Trap[] => readLines('traps.jsonl') as readonly Trap[];
/** Reads further readings, which are all true or all false. */
export const readFurther = (isTrue: boolean): readonly FurtherReading[] =>
  readLines(isTrue ? 'further-facts.jsonl' : 'further-readings.jsonl') as readonly FurtherReading[];
