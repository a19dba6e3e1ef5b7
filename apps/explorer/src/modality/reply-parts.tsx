// Loaded by load-checks.ts alone: views of modalities need the codecs of their headers.
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import type { ReceiptVerdict } from '@ogong/sdk';
import type { ComponentChildren } from 'preact';
import type { AuditReading } from '../check/read-audit.ts';
import { createBlobFinder, type DroppedReceipt, readOpening } from '../check/receipt-file.ts';
import { embeddingView } from './embedding/embedding-view.tsx';
import { ExactBytes } from './exact-bytes.tsx';
import type { ModalityView } from './modality.ts';
import { tensorView } from './tensor/tensor-view.tsx';
import { textView } from './text/text-view.tsx';
import { trajectoryView } from './trajectory/trajectory-view.tsx';

/** The only list of views. */
const VIEWS: readonly ModalityView[] = [textView, embeddingView, trajectoryView, tensorView];

/** Shows request and answer of a reply, by its modality. A reply whose parts cannot be read is shown as bytes. */
export function showReply(
  file: DroppedReceipt,
  { verdict, audit }: { readonly verdict: ReceiptVerdict; readonly audit?: AuditReading | undefined },
): ComponentChildren {
  const view = VIEWS.find(({ endpoints }) => endpoints.includes(file.receipt.endpoint));
  try {
    const { replyId } = parseRecordV2(file.receipt.record.bytes);
    const opening = readOpening(file);
    return view?.show({ file, verdict, replyId, opening, blobs: createBlobFinder(file, opening), audit });
  } catch {
    // The checks say why.
    return <ExactBytes file={file} />;
  }
}
