import type { ServerResponse } from 'node:http';

/** The way of a stream's texts to the client. */
export interface TextSink {
  /** Body of the response, which is open until the end. */
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** @returns a promise if the client has yet to take this text. It also resolves when the client is gone. */
  write(text: string): Promise<void> | undefined;
  /** Sends the rest and ends the response. */
  end(): void;
}

/**
 * Writes to a response of Node's server. Its body carries no bytes: a text that passes a web stream costs more than its line of JSON.
 * @param outgoing of a request whose response is chunked, so that the server writes the head before it reads the body.
 */
export function createResponseSink(outgoing: ServerResponse): TextSink {
  const begun = Promise.withResolvers<void>();
  /** Texts from before the head. */
  let held: string | undefined = '';
  let drained: PromiseWithResolvers<void> | undefined;
  let [isOver, isEnding] = [false, false];
  // Cork the socket, because Node writes each part of a chunk that waits in a corked response by itself.
  const { socket } = outgoing;
  let isCorked = socket !== null;
  let controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;

  function settle(): void {
    drained?.resolve();
    drained = undefined;
  }

  function uncork(): void {
    if (isCorked) socket?.uncork();
    isCorked = false;
  }

  function send(text: string): Promise<void> | undefined {
    if (isOver || outgoing.destroyed || outgoing.write(text)) return undefined;
    drained ??= Promise.withResolvers();
    return drained.promise;
  }

  function close(): void {
    if (isOver) return;
    isOver = true;
    controller.close();
  }

  const body = new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      start(given) {
        controller = given;
      },
      // The server reads once it has written the head.
      pull() {
        if (held === undefined) return;
        send(held);
        held = undefined;
        outgoing.on('drain', settle);
        outgoing.once('close', settle);
        // The text that waits for this one is written before the next tick.
        process.nextTick(uncork);
        begun.resolve();
        if (isEnding) close();
      },
      cancel() {
        isOver = true;
        uncork();
        settle();
        begun.resolve();
      },
    },
    { highWaterMark: 0 },
  );
  // The head and the first texts become one write.
  socket?.cork();

  return {
    body,
    write(text) {
      if (held === undefined) return send(text);
      held += text;
      return isOver ? undefined : begun.promise;
    },
    end() {
      isEnding = true;
      if (held === undefined) close();
    },
  };
}

/** Writes to a body that carries the texts. */
export function createBodySink(): TextSink {
  const { readable, writable } = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
  const writer = writable.getWriter();
  const encoder = new TextEncoder();
  // The reader is gone: the call ends by its signal.
  const ignore = (): void => {};
  return {
    body: readable,
    write: (text) => writer.write(encoder.encode(text)).catch(ignore),
    end: () => void writer.close().catch(ignore),
  };
}
