/** Fields that OpenAI's API lacks: demands on the provider, and the preference among providers. */
export interface OgongFields {
  readonly exact?: boolean | null;
  /** 64 lower-case hexadecimal digits. */
  readonly model_root?: string | null;
  readonly settle?: 'any' | 'accepted' | null;
  /** 32 to 64 lower-case hexadecimal digits, in place of those that this client draws. */
  readonly salt?: string | null;
  readonly sort?: 'price' | 'latency' | 'throughput' | 'quality' | 'balanced' | null;
  /** Of 1,000 tokens, atomic units; a text if it is above 2^53. */
  readonly max_price?: number | string | null;
  readonly tier?: string | null;
  readonly accept?: readonly string[] | null;
  /** Ids of providers, 64 lower-case hexadecimal digits each. */
  readonly providers?: { readonly only?: readonly string[]; readonly ignore?: readonly string[] } | null;
  /** Roles that have to show their machines before anything is sent. */
  readonly attested?: readonly ('router' | 'validator')[] | null;
  /** 2: an encapsulation for each unit of the reply. */
  readonly seal_suite?: 1 | 2 | null;
  readonly grammar?: string | null;
  /** Whether a second provider may be asked while the first has shown nothing. Needs `standby`: this client checks the very bytes that it sends. */
  readonly hedge?: boolean | null;
  /** Of 1,000 prompt tokens of a standby order that is not used, atomic units; `/v1/endpoints` lists standby providers and prices. */
  readonly standby?: number | string | null;
  /** Of this client, and never sent: whether the request is sealed to its provider, so that the gateway cannot read it. */
  readonly sealed?: boolean | null;
}

/** The parts of OpenAI's objects that this client reads; everything else passes through as it is. */
export interface CompletionParams {
  readonly model: string;
  readonly n?: number | null;
  readonly stream?: boolean | null;
  readonly ogong?: OgongFields | null;
  readonly [field: string]: unknown;
}

export interface ChatParams extends CompletionParams {
  readonly messages: readonly { readonly role: string; readonly content: unknown }[];
}

export interface TextParams extends CompletionParams {
  /** A text, or the ids of its tokens. */
  readonly prompt: string | readonly number[];
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

export interface ToolCall {
  readonly id: string;
  readonly type: string;
  readonly function: { readonly name?: string; readonly arguments: string };
}

export type ChatCompletion = Shared<{
  readonly index: number;
  readonly message: {
    readonly role: string;
    /** Null for a message with calls and no text. */
    readonly content: string | null;
    readonly reasoning_content?: string;
    readonly tool_calls?: readonly ToolCall[];
  };
  readonly logprobs: unknown;
  readonly finish_reason: string;
}>;

export type ChatChunk = Shared<{
  readonly index: number;
  readonly delta: {
    readonly role?: string;
    readonly content?: string;
    readonly reasoning_content?: string;
    readonly tool_calls?: readonly ({ readonly index: number } & Partial<ToolCall>)[];
  };
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
  readonly ogong?: OgongFields | null;
  readonly [field: string]: unknown;
}

export interface EmbeddingList {
  readonly object: string;
  readonly model: string;
  readonly data: readonly {
    readonly object: string;
    readonly index: number;
    /** Numbers, or base64 of f32 little endian, as requested. */
    readonly embedding: readonly number[] | string;
  }[];
  readonly usage?: Pick<Usage, 'prompt_tokens' | 'total_tokens'> | null;
  /** Receipts; see the gateway's documentation. */
  readonly ogong?: unknown;
}

export interface RerankParams {
  readonly model: string;
  readonly query: string;
  readonly documents: readonly (string | { readonly text: string })[];
  readonly top_n?: number | null;
  readonly return_documents?: boolean | null;
  readonly ogong?: OgongFields | null;
  readonly [field: string]: unknown;
}

export interface RerankList {
  readonly object: string;
  readonly model: string;
  /** The best first. */
  readonly results: readonly {
    /** Of the document in the request. */
    readonly index: number;
    /** As the model gave it and the provider signed it: any number, higher is better. */
    readonly relevance_score: number;
    readonly document?: { readonly text: string };
  }[];
  readonly usage?: Pick<Usage, 'prompt_tokens' | 'total_tokens'> | null;
  /** Receipts, and the scores of all documents; see the gateway's documentation. */
  readonly ogong?: unknown;
}

/** A value, or nested lists of values of one shape, or a tensor that states its type. */
export type TensorInput =
  | number
  | string
  | boolean
  | readonly TensorInput[]
  | {
      readonly dtype: 'float32' | 'float64' | 'int32' | 'int64' | 'uint8' | 'bool' | 'string';
      readonly shape: readonly number[];
      /** Values in row-major order, or base64 of their little-endian bytes. */
      readonly data: string | readonly (number | string | boolean)[];
    };

export interface InferParams {
  readonly model: string;
  readonly inputs: Readonly<Record<string, TensorInput>>;
  /** Names of the outputs to return. Default: all. */
  readonly outputs?: readonly string[] | null;
  readonly ogong?: OgongFields | null;
  readonly [field: string]: unknown;
}

export interface TensorAnswer {
  readonly object: string;
  readonly model: string;
  readonly outputs: Readonly<
    Record<
      string,
      {
        readonly dtype: string;
        readonly shape: readonly number[];
        /** Row-major. Integers beyond 2^53 and floats that are not finite are strings. */
        readonly data: readonly (number | string | boolean)[];
      }
    >
  >;
  /** In the order that the signature covers. */
  readonly output_names: readonly string[];
  readonly usage?: Pick<Usage, 'prompt_tokens' | 'total_tokens'> | null;
  /** Receipts; see the gateway's documentation. */
  readonly ogong?: unknown;
}

/** Fields of every request for pictures. */
interface CommonPictureParams {
  readonly model: string;
  readonly n?: number | null;
  /** Such as `512x512`. */
  readonly size?: string | null;
  readonly response_format?: 'b64_json' | 'url' | null;
  readonly stream?: false | null;
  readonly ogong?: OgongFields | null;
  readonly [field: string]: unknown;
}

export interface PictureParams extends CommonPictureParams {
  readonly prompt: string;
}

/** The bytes of a PNG, JPEG, WebP or GIF, or a data URL. */
export type PictureFile = string | Uint8Array | Blob;

export interface VariationParams extends CommonPictureParams {
  readonly image: PictureFile;
  /** Share of the schedule that changes the picture, above 0 to 1. */
  readonly strength?: number | null;
}

export interface EditParams extends VariationParams {
  readonly prompt: string;
  /** Its transparent pixels are painted again. */
  readonly mask?: PictureFile | null;
}

export interface PictureList {
  /** Unix time, s. */
  readonly created: number;
  readonly size?: string;
  readonly output_format?: string;
  /** PNG, in base64 or as a `data:` URL, as requested. */
  readonly data: readonly { readonly b64_json?: string; readonly url?: string }[];
  /** Units count as tokens of the output: a unit is one step over 1,024 pixels. */
  readonly usage?: {
    readonly input_tokens: number;
    readonly output_tokens: number;
    readonly total_tokens: number;
  } | null;
  /** Receipts; see the gateway's documentation. */
  readonly ogong?: unknown;
}
