/** The names of one endpoint in the HTTP APIs and in traces. Its key is its name in requests, records and receipts. */
export interface EndpointInfo {
  /** Path of the HTTP API. */
  readonly path: string;
  /** Prefix of the ids of its answers. */
  readonly idPrefix: string;
  /** `gen_ai.operation.name` in OpenTelemetry's conventions. */
  readonly operation: string;
  /** The noun for its work, such as `embeddings`. */
  readonly use: string;
  /** Whether OpenAI's API has it, so that hosted models of others answer it too. */
  readonly isOpenAi: boolean;
}
