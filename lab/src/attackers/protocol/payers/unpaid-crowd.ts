import { connect, type Socket } from 'node:net';
import type { ProtocolAttack } from '../attack.ts';
import { NO_BREAKS } from '../breaks.ts';

export interface CrowdedGateway {
  /** `http://host:port` */
  readonly url: string;
  readonly callers: number;
  /** Signs a payment by an account of its own that holds nothing: the header's value. */
  readonly sign: () => Promise<string>;
}

export interface Crowd {
  /** Callers whose requests are not over. */
  readonly waiting: () => number;
  leave(): void;
}

/** Callers without a key who begin requests and never send the whole of them, half of them with payments that are signed and not covered. */
export const unpaidCrowd: ProtocolAttack<CrowdedGateway, Promise<Crowd>> = {
  name: 'unpaid-crowd',
  adversary: 'callers without a key and without money',
  aim: 'hold every place of a gateway, so that nobody who would pay is served',
  stoppedBy: 'A place needs a key, or a signed payment that the chain confirms; each payer has a share',
  restarts: { none: 'a gateway keeps nothing of whoever has not paid' },
  async play({ url, callers, sign }, breaks = NO_BREAKS) {
    const { hostname: host, port } = new URL(url);
    const sockets = new Set<Socket>();
    for (let n = 0; n < callers; n++) {
      if (n === Math.floor(callers / 2)) await breaks.take();
      const payment = n % 2 === 0 ? `payment-signature: ${await sign()}\r\n` : '';
      const socket = connect({ host, port: Number(port) });
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      socket.on('error', () => socket.destroy());
      socket.resume();
      const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\n`;
      await new Promise<void>((resolve) =>
        socket.write(`${head}${payment}content-length: 4096\r\n\r\n{"model":`, () => resolve()),
      );
    }
    return {
      waiting: () => sockets.size,
      leave() {
        for (const socket of sockets) socket.destroy();
      },
    };
  },
};
