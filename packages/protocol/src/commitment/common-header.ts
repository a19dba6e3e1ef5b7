/**
 * The fields of leaf 0 that every modality has. Each modality's header adds fields, under its own tag (docs/spec/modality.md).
 */
export interface CommonHeader {
  /** hashOrder of the order that the reply is to: a record is a statement about this order and about no other. */
  readonly orderHash: Uint8Array;
  readonly endpoint: string;
  /** `verified`, ... */
  readonly tier: string;
  /** How the answer can be checked: `draw-replay`, ... */
  readonly method: string;
  readonly numericClass: string;
  readonly vocabularyHash: Uint8Array;
  /** Width of what is sketched. */
  readonly embeddingSize: number;
  readonly sketchDirections: number;
  readonly sketchBankSeed: Uint8Array;
  readonly choice: number;
  readonly promptTokensHash: Uint8Array;
  readonly promptTokenCount: number;
  /** Tokens that the model generated; 0 for a modality that generates none. */
  readonly outputTokenCount: number;
  /** Content roots that the order's model root is composed of: of the base model, then of each adapter in order. Empty without adapters. */
  readonly parts: readonly Uint8Array[];
  /** 20 bytes: the ledger address that this reply's fee is paid to. */
  readonly payee: Uint8Array;
}
