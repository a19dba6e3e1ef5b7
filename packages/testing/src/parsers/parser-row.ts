export interface Parser {
  /** Below `packages/`. */
  readonly file: string;
  readonly name: string;
}

/** Loads a module of the repository by its file below `packages/`. */
export type LoadModule = (file: string) => Promise<Readonly<Record<string, (...input: never[]) => unknown>>>;
export type ParserCall = (input: never) => unknown;

export interface ParserRow extends Parser {
  /** The worst inputs of about a size in bytes. `bytes` stands for those of worstBytes. */
  readonly inputs: 'bytes' | ((size: number) => readonly unknown[]);
  /** Valid encodings, beside those of the committed vectors: inputs of `bytes` begin as they do. */
  readonly seeds?: (load: LoadModule, vectors: readonly Uint8Array[]) => Promise<readonly Uint8Array[]>;
  /** The largest input that a stranger can deliver, in bytes. Default: MAX_INPUT. */
  readonly limit?: number;
  /** Returns the function that takes one input. Default: the parser itself. A promise is awaited. */
  readonly prepare?: (load: LoadModule) => Promise<ParserCall>;
}

export const MAX_INPUT = 1 << 20;

/** Returns the values of JSON texts. Those that JSON.parse refuses never reach a parser of values. */
export const values = (texts: readonly string[]): unknown[] =>
  texts.flatMap((text) => {
    try {
      return [JSON.parse(text)];
    } catch {
      return [];
    }
  });
