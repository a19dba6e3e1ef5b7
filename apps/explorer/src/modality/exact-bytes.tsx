import { toHex } from '@ogong/protocol/base/bytes';
import type { DroppedReceipt } from '../check/receipt-file.ts';
import { readText, shorten } from '../format.ts';

/** Request and answer as the record signs them: texts as texts, other bytes in hex. */
export function ExactBytes({ file: { request, response } }: { file: DroppedReceipt }) {
  return (
    <div class="texts">
      <BytesFigure title="Request, its exact bytes" bytes={request} />
      <BytesFigure title="Response" bytes={response} />
    </div>
  );
}

export function BytesFigure({ title, bytes }: { title: string; bytes: Uint8Array }) {
  return (
    <figure>
      <figcaption>{title}</figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling element has to be reachable by keyboard */}
      <pre tabIndex={0}>{readText(bytes) ?? `${bytes.length} bytes: ${shorten(toHex(bytes))}`}</pre>
    </figure>
  );
}
