import { connect as connectTcp, createServer, type Server, type Socket } from 'node:net';
import { type Duplex, duplexPair } from 'node:stream';
import { describeLink, type LinkUnderTest } from '@ogong/testing/link/link-compliance';
import { describe } from 'vitest';
import { createLinkClient } from './link-client.ts';
import { createLinkServer, type LinkServer } from './link-server.ts';

type Dial = (server: () => LinkServer) => Duplex | Promise<Duplex>;

/** A link whose connections are made by `dial`, so that the suite can cut them. */
function createLink(
  bind: { host: string; port: number } | undefined,
  dial: Dial,
  done = async () => {},
): LinkUnderTest {
  let server: LinkServer | undefined;
  const open: Duplex[] = [];
  return {
    async serve(options, dependencies) {
      server = createLinkServer(bind ? { ...options, bind } : options, dependencies);
      await server.start();
    },
    connect: (options) =>
      createLinkClient({
        ...options,
        endpoint: bind ? (server as LinkServer).address() : { host: 'relay.invalid', port: 1 },
        async createConnection() {
          const duplex = await dial(() => server as LinkServer);
          open.push(duplex);
          return duplex;
        },
      }),
    cut() {
      for (const duplex of open.splice(0)) duplex.destroy();
    },
    async close() {
      await server?.stop(0);
      await done();
    },
  };
}

/** Links share nothing, and much of their tests is waiting: one link's tests run beside those of the others. */
function describeBeside(name: string, create: () => LinkUnderTest): void {
  describe(name, { concurrent: true }, () => describeLink(name, create));
}

describeBeside('a TCP socket', () =>
  createLink({ host: '127.0.0.1', port: 0 }, (server) => {
    const socket = connectTcp({ ...server().address(), noDelay: true });
    return new Promise((resolve, reject) => {
      socket.once('connect', () => resolve(socket));
      socket.once('error', reject);
    });
  }),
);

describeBeside('a stream in memory', () =>
  createLink(undefined, (server) => {
    const [near, far] = duplexPair();
    // Memory has no connection to reset: tie the two ends, as a socket pair would be.
    near.once('close', () => far.destroy());
    far.once('close', () => near.destroy());
    server().accept(far);
    return near;
  }),
);

/** The served side dials the relay and waits there; the relay joins it to a caller and copies bytes it cannot read. */
describeBeside('a blind relay', () => {
  let relay: Server | undefined;
  const start = async (): Promise<number> => {
    relay ??= createServer({ noDelay: true });
    if (!relay.listening) await new Promise<void>((resolve) => relay?.listen(0, '127.0.0.1', resolve));
    return (relay.address() as { port: number }).port;
  };
  const dialRelay = async (port: number): Promise<[Socket, Socket]> => {
    const arrived = new Promise<Socket>((resolve) => relay?.once('connection', resolve));
    const socket = connectTcp({ port, host: '127.0.0.1', noDelay: true });
    return [socket, await arrived];
  };
  return createLink(
    undefined,
    async (server) => {
      const port = await start();
      const [served, servedAtRelay] = await dialRelay(port);
      server().accept(served);
      const [caller, callerAtRelay] = await dialRelay(port);
      for (const [from, to] of [
        [servedAtRelay, callerAtRelay],
        [callerAtRelay, servedAtRelay],
      ] as const) {
        from.on('error', () => to.destroy());
        from.once('close', () => to.destroy());
        from.pipe(to);
      }
      return caller;
    },
    async () => {
      await new Promise<void>((resolve) => (relay ? relay.close(() => resolve()) : resolve()));
    },
  );
});
