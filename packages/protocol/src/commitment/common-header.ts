/** A shard's signed root of the rows that it sent (docs/spec/boundary.md#root). */
export interface HeaderBoundary {
  readonly positions: number;
  readonly turns: number;
  /** 32 bytes. */
  readonly root: Uint8Array;
  /** Root of the blob of the rows that it received, 32 bytes. The shard at place 0 received tokens. */
  readonly input: Uint8Array;
  /** By the shard's session key, 64 bytes. */
  readonly signature: Uint8Array;
}

/**
 * The fields of leaf 0 that every modality has. Each modality's header adds fields under its own tag (docs/spec/modality.md).
 */
export interface CommonHeader {
  /** hashOrder of the order that the reply answers. So a record is a statement about this order only. */
  readonly orderHash: Uint8Array;
  readonly endpoint: string;
  /** Name of the tier: `verified`, ... */
  readonly tier: string;
  /** Method by which the answer can be checked: `draw-replay`, ... */
  readonly method: string;
  readonly numericClass: string;
  readonly vocabularyHash: Uint8Array;
  /** Width of the sketched vectors. */
  readonly embeddingSize: number;
  readonly sketchDirections: number;
  readonly sketchBankSeed: Uint8Array;
  readonly choice: number;
  readonly promptTokensHash: Uint8Array;
  readonly promptTokenCount: number;
  /** Tokens that the model generated; 0 for a modality that generates none. */
  readonly outputTokenCount: number;
  /** Content roots that make up the order's model root: the base model, then each adapter in order. Empty without adapters. */
  readonly parts: readonly Uint8Array[];
  /** Roots that the shards of a cohort signed, by place. Only the headers of texts have the field. */
  readonly boundaries?: readonly (HeaderBoundary | undefined)[];
  /** 20 bytes: the ledger address that receives this reply's fee. */
  readonly payee: Uint8Array;
}
