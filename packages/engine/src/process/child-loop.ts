import type { UpstreamRows } from '../interface/segment.ts';
import type { ChildContract, FromChild, ToChild } from './child-messages.ts';
import { packEvents } from './packed-events.ts';
import { toPlainError } from './plain-error.ts';
import type { TextHost } from './text-host.ts';
import { createUpstreamPort } from './upstream-port.ts';

/** One loaded model that answers its parent by messages. */
export interface ChildHost<C extends ChildContract> {
  /** Present if the modality has replies that stream. */
  readonly generate?: TextHost['generate'];
  call(id: number, call: C['call']): void;
  cancel(id: number): void;
  close(): void;
}

interface OpenedHost<C extends ChildContract> {
  readonly info: C['info'];
  readonly host: ChildHost<C>;
}

/**
 * Loads the model in this process.
 * @param before segments that the parent reaches, if it has any.
 * @throws EngineError, which the parent then reports.
 */
export type OpenChildHost<C extends ChildContract> = (
  load: C['load'],
  send: (message: FromChild<C>) => void,
  before: UpstreamRows,
) => OpenedHost<C> | Promise<OpenedHost<C>>;

/** Serves the parent of this process, an engine, with one model. It ends with its parent. */
export function serveParent<C extends ChildContract>(open: OpenChildHost<C>): void {
  let host: ChildHost<C> | undefined;

  const send = (message: FromChild<C>): void => {
    // If the parent is gone, nothing can be sent, and 'disconnect' ends this process.
    process.send?.(message.kind === 'events' ? packEvents(message) : message, undefined, undefined, () => undefined);
  };

  const upstream = createUpstreamPort((id, question) => send({ kind: 'ask', id, question }));

  const load = async (options: C['load']): Promise<void> => {
    try {
      const opened = await open(options, send, upstream);
      host = opened.host;
      send({ kind: 'ready', info: opened.info });
    } catch (error) {
      send({ kind: 'load-failed', error: toPlainError(error) });
    }
  };

  process.on('message', (message: ToChild<C>) => {
    if (message.kind === 'load') void load(message.options);
    else if (message.kind === 'generate') host?.generate?.(message.id, message.request);
    else if (message.kind === 'call') host?.call(message.id, message.call);
    else if (message.kind === 'answer') upstream.receive(message.id, message.answer);
    else if (message.kind === 'cancel') host?.cancel(message.id);
    else {
      host?.close();
      process.exit(0);
    }
  });
  process.on('disconnect', () => process.exit(0));
  // A terminal's Ctrl-C reaches the whole group; the parent decides when this process ends.
  process.on('SIGINT', () => undefined);
}
