import { type ClientHttp2Session, connect, constants, createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { ProviderService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { expect, it, vi } from 'vitest';
import { createLinkClient, type LinkClientOptions } from './link-client.ts';
import { LinkError } from './link-error.ts';

const sessions = vi.hoisted(() => ({ open: undefined as ClientHttp2Session | undefined }));
vi.mock('./link-sessions.ts', () => ({
  createLinkSessions: () => ({
    request: async (headers: object) => (sessions.open as ClientHttp2Session).request({ ...headers }),
    connect: async () => {},
    close: () => {},
  }),
}));

it('does not believe a peer that read a call and says that it was refused unseen', async () => {
  let read = 0;
  const server = createServer();
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    stream.on('data', (chunk: Buffer) => {
      read += chunk.length;
      stream.close(constants.NGHTTP2_REFUSED_STREAM);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  sessions.open = session;
  try {
    const client = createLinkClient({ identity: {} } as LinkClientOptions);
    const events = client
      .service(ProviderService)
      .generate({ request: new Uint8Array(100) })
      [Symbol.asyncIterator]();
    const error = await events.next().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(LinkError);
    expect(error).toMatchObject({ code: 'unreachable', isUnsent: false });
    // It was tried again all the same: an honest peer that closes a session answers on the next one.
    expect(read).toBeGreaterThan(300);
  } finally {
    session.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
});
