import type { LinkError } from '@ogong/host/link/link-error';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { SignedOrder } from '@ogong/protocol/verdict/claim';
import { defineAttack } from '../define-attack.ts';
import { openServedValidator } from './served-validator.ts';
import { type AttackedDoor, openStrangerLink } from './stranger-link.ts';

interface BigComplaintsNetwork {
  readonly door: AttackedDoor;
  readonly certificates: number;
  readonly sizeBytes: number;
  readonly localAddress: string;
  /** An order that its payer signed and nobody admitted. */
  readonly order: SignedOrder;
}

const CERTIFICATES = 20;

const MIB = 1024 * 1024;

/** Complaints about nothing, with the largest openings that the network knows, asked for or not. */
export const bigComplaints = defineAttack({
  name: 'big-complaints',
  adversary: 'stranger with large complaints',
  aim: "fill a validator's memory with openings that it has to read before it can refuse them",
  stoppedBy: 'A complaint shows its order first; the opening comes on request, within one budget of bytes',
  restarts: ['validator', 'signer', 'verifier'],
  async play({ door, certificates, sizeBytes, localAddress, order }: BigComplaintsNetwork, breaks) {
    const large = new Uint8Array(sizeBytes);
    const refusals: Record<string, number> = {};
    let askedFor = 0;
    const count = ({ code }: LinkError): void => {
      refusals[code] = (refusals[code] ?? 0) + 1;
    };
    const middle = Math.floor(certificates / 2);
    for (let i = 0; i < certificates; i++) {
      if (i === middle) await breaks.take();
      const client = await openStrangerLink(door, `complaint ${i}`, localAddress);
      const service = client.service(ValidatorService);
      const announced = await service.complain({ order, reason: 'draw-replay', openingHash: new Uint8Array(32) });
      if (announced.wantsOpening) askedFor++;
      await service.proveComplaint({ order: order.order, opening: { opening: large } }).catch(count);
      // The same bytes in a field that has no need of them.
      const record = { record: large, providerKey: new Uint8Array(0), signature: new Uint8Array(0) };
      await service.complain({ order, reason: 'draw-replay', record }).catch(count);
      client.close();
    }
    return { askedFor, refusals };
  },
  async stage({ play, breaks, keep }) {
    const { validator, door } = keep(await openServedValidator(breaks));
    const asked = { door, certificates: CERTIFICATES, sizeBytes: 4 * MIB, localAddress: '127.0.1.1' };
    const { askedFor, refusals } = await play({ ...asked, order: validator.order(2) });
    return {
      tried: `sent ${CERTIFICATES} complaints about an order that nobody admitted, with openings of 4 MiB, twice each`,
      answered: [
        `the validator asked for ${askedFor} openings`,
        ...Object.entries(refusals).map(([code, count]) => `${count} times refused: ${code}`),
      ],
      worked: askedFor > 0 || Object.values(refusals).reduce((sum, count) => sum + count, 0) < 2 * CERTIFICATES,
    };
  },
});
