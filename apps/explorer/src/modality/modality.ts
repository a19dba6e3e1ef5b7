import type { Opening } from '@ogong/protocol/commitment/opening';
import type { FindBlob } from '@ogong/protocol/modality/modality';
import type { ReceiptVerdict } from '@ogong/sdk';
import type { ComponentChildren } from 'preact';
import type { AuditReading } from '../check/read-audit.ts';
import type { DroppedReceipt } from '../check/receipt-file.ts';

/** A checked reply, as its page shows it. */
export interface ReplyToShow {
  readonly file: DroppedReceipt;
  readonly verdict: ReceiptVerdict;
  /** 16 bytes. */
  readonly replyId: Uint8Array;
  /** Undefined if the file has none that can be read. */
  readonly opening: Opening | undefined;
  /** Finds the blobs in the file whose roots are those that they stand under. */
  readonly blobs: FindBlob;
  /** Undefined if the page has not read the validator's log. */
  readonly audit: AuditReading | undefined;
}

/** The view of one modality. A new modality is a folder beside `text`, and a line in `reply-parts.ts`. */
export interface ModalityView {
  readonly endpoints: readonly string[];
  /** Shows request and answer. @throws ProtocolError if header or answer have another form. */
  show(reply: ReplyToShow): ComponentChildren;
}
