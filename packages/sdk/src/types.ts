/** The parts of OpenAI's objects that this client reads; everything else passes through as it is. */
export interface CompletionParams {
  readonly model: string;
  readonly n?: number | null;
  readonly stream?: boolean | null;
  readonly [field: string]: unknown;
}

export interface ChatParams extends CompletionParams {
  readonly messages: readonly { readonly role: string; readonly content: unknown }[];
}

export interface TextParams extends CompletionParams {
  readonly prompt: string;
}

export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

interface Shared<C> {
  readonly id: string;
  readonly object: string;
  readonly created: number;
  readonly model: string;
  readonly choices: readonly C[];
  readonly usage?: Usage | null;
  /** Receipts; see the gateway's documentation. */
  readonly ogong?: unknown;
}

export type ChatCompletion = Shared<{
  readonly index: number;
  readonly message: { readonly role: string; readonly content: string };
  readonly logprobs: unknown;
  readonly finish_reason: string;
}>;

export type ChatChunk = Shared<{
  readonly index: number;
  readonly delta: { readonly role?: string; readonly content?: string };
  readonly logprobs: unknown;
  readonly finish_reason: string | null;
}>;

export type TextCompletion = Shared<{
  readonly index: number;
  readonly text: string;
  readonly logprobs: unknown;
  readonly finish_reason: string | null;
}>;

export interface EmbeddingParams {
  readonly model: string;
  readonly input: string | readonly string[];
  readonly encoding_format?: 'float' | 'base64';
  readonly [field: string]: unknown;
}

export interface EmbeddingList {
  readonly object: string;
  readonly model: string;
  readonly data: readonly {
    readonly object: string;
    readonly index: number;
    /** Numbers, or base64 of f32 little endian, as asked for. */
    readonly embedding: readonly number[] | string;
  }[];
  readonly usage?: Pick<Usage, 'prompt_tokens' | 'total_tokens'> | null;
  /** Receipts; see the gateway's documentation. */
  readonly ogong?: unknown;
}
