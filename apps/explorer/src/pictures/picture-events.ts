// The stream of a picture. The page of local mode has this code too (scripts/build-local-scripts.ts).

/** An event of a stream of pictures (docs/spec/trajectory.md#steps-on-the-way). */
export type PictureEvent =
  | { readonly kind: 'step'; readonly step: number; readonly steps: number }
  /** Nothing proves a preview. */
  | { readonly kind: 'preview'; readonly png: string }
  | {
      readonly kind: 'picture';
      readonly png: string;
      readonly units: number;
      /** Address of its receipt, if the server names one. */
      readonly receipt: string | undefined;
    };

/** Previews that a page asks for. */
export const PREVIEWS = 3;

/** Yields the data of each event of a stream. */
export async function* readEventData(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + decoder.decode(value, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line.startsWith('data: ')) yield line.slice(6);
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

/** Reads the events of one picture; events of other types are left out. @throws Error with the server's message. */
export async function* readPictureEvents(data: AsyncIterable<string>): AsyncGenerator<PictureEvent> {
  for await (const text of data) {
    if (text === '[DONE]') return;
    const event = readPictureEvent(text);
    if (event !== undefined) yield event;
  }
}

/** @returns undefined for an event of another type. @throws Error with the server's message. */
function readPictureEvent(text: string): PictureEvent | undefined {
  const fields = JSON.parse(text) as {
    readonly type?: string;
    readonly error?: { readonly message?: string };
    readonly step?: number;
    readonly steps?: number;
    readonly b64_json?: string;
    readonly usage?: { readonly output_tokens?: number };
    readonly ogong?: { readonly receipts?: readonly { readonly url?: string }[] };
  };
  if (fields.error) throw new Error(fields.error.message ?? 'The picture failed.');
  const { step = 0, steps = 0, b64_json: png = '', usage, ogong } = fields;
  const name = fields.type?.split('.').at(-1);
  if (name === 'progress') return { kind: 'step', step, steps };
  if (name === 'partial_image') return { kind: 'preview', png };
  if (name === 'completed')
    return { kind: 'picture', png, units: usage?.output_tokens ?? 0, receipt: ogong?.receipts?.[0]?.url };
  return undefined;
}
