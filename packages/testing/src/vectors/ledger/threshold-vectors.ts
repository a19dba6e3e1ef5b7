import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import type { BeaconNetwork } from '@ogong/protocol/beacon/beacon';
import { computeThresholdBank } from '@ogong/protocol/beacon/epoch-certificate';
import { eraMessageFormat } from '@ogong/protocol/beacon/threshold/era-message';
import { type EraValidator, formCommittee, listTickets } from '@ogong/protocol/beacon/threshold/members';
import { partialsFormat, signPartials } from '@ogong/protocol/beacon/threshold/partials';
import {
  computeThresholdValue,
  encodeEpochMessage,
  thresholdCertificateFormat,
} from '@ogong/protocol/beacon/threshold/threshold-value';
import { computeTickets } from '@ogong/protocol/beacon/threshold/tickets';
import { BLS_DOMAIN } from '@ogong/protocol/crypto/bls';
import { encodeScalar, evaluatePolynomial } from '@ogong/protocol/crypto/bls-scalar';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import { nobleBls } from '@ogong/protocol/crypto/noble-bls';
import { nobleSealedBox } from '@ogong/protocol/crypto/noble-sealed-box';
import { BAD_KEYS, BAD_SIGNATURES } from '../../protocol/bls-forms.ts';

/** Beacons of the public network drand with keys in G1: its key, the signed message, and the published beacon. */
const DRAND = [
  {
    scheme: 'pedersen-bls-chained, round 1',
    key: '868f005eb8e6e4ca0a47c8a77ceaa5309a47978a7c71bc5cce96366b5d7a569937c529eeda66c7293784a9402801af31',
    // SHA-256 of the previous signature (here the hash of the group) and the round as u64.
    signed: '176f93498eac9ca337150b46d21dd58673ea4e3581185f869672e59fa4cb390a0000000000000001',
    signature:
      '8d61d9100567de44682506aea1a7a6fa6e5491cd27a0a0ed349ef6910ac5ac20ff7bc3e09d7c046566c9f7f3c6f3b10104990e7cb424998203d8f7de586fb7fa5f60045417a432684f85093b06ca91c769f0e7ca19268375e659c2a2352b4655',
    randomness: '101297f1ca7dc44ef6088d94ad5fb7ba03455dc33d53ddb412bbc4564ed986ec',
  },
  {
    scheme: 'pedersen-bls-unchained, round 19369534',
    key: '8200fc249deb0148eb918d6e213980c5d01acd7fc251900d9260136da3b54836ce125172399ddc69c4e3e11429b62c11',
    signed: '0000000001278e3e',
    signature:
      'a33833d2098f5e0c4df334fb6c5b1c2de3ab293c77825f55d816254dabf7f4f3d429b6207e1cd2a808876e06058a1f8102bb6f6927b654b391259ea99c3566a4eb55feb9665dbaf9d33af08a10b1d8d8b35d91fd3536eb4c197be0041beb5dc2',
    randomness: '778180564f4fb9b77580af69a559ce941eb23d8d3180c48c4d290484b516c6aa',
  },
];
const DRAND_DOMAIN = 'BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_NUL_';

function flip(bytes: Uint8Array): Uint8Array {
  const changed = bytes.slice();
  changed[0] = (changed[0] as number) ^ 0x20;
  return changed;
}

function listForms(forms: Readonly<Record<string, Uint8Array>>) {
  return Object.entries(forms).map(([what, bytes]) => ({ what, bytes: toHex(bytes) }));
}

/** The primitives: `vectors/bls.json`. */
export function createBlsVectors(crypto: Crypto): Readonly<Record<string, unknown>> {
  const secret = 0x263dbd792f5b1be47ed85f8938c0f29586af0d3ac7b977f21c278fe1462040e3n;
  const message = crypto.sha256(new TextEncoder().encode('a message'));
  const signature = nobleBls.sign(secret, message);
  const key = nobleBls.deriveKey(secret);
  return {
    domain: BLS_DOMAIN,
    signed: {
      ...{ secret: toHex(encodeScalar(secret)), key: toHex(key) },
      ...{ message: toHex(message), signature: toHex(signature) },
    },
    beacons: DRAND.map(({ signed, ...one }) => ({
      ...one,
      message: toHex(crypto.sha256(fromHex(signed))),
      domain: DRAND_DOMAIN,
    })),
    badKeys: listForms(BAD_KEYS),
    badSignatures: listForms(BAD_SIGNATURES),
    negated: { what: 'the sign of y turned: decodes, and is another signature', bytes: toHex(flip(signature)) },
  };
}

const NETWORK: BeaconNetwork = { chainId: 31337n, settlement: new Uint8Array(20).fill(0xaa) };

/** Tickets, and one epoch of four validators: `vectors/threshold-beacon.json`. */
export function createThresholdVectors(crypto: Crypto): Readonly<Record<string, unknown>> {
  const stakes = [400n, 300n, 200n, 100n];
  const members = stakes.map((stake, i) => ({
    address: createNobleLedgerSigner(new Uint8Array(32).fill(i + 1)).address,
    signingKey: createNobleLedgerSigner(new Uint8Array(32).fill(0x11 + i)).address,
    stake,
    boxKey: nobleSealedBox.deriveKey(new Uint8Array(32).fill(0x21 + i)),
  }));
  const seats = formCommittee(crypto, NETWORK, members);
  const { threshold } = seats;
  const polynomial = Array.from({ length: threshold }, (_, i) => BigInt(1_000 + i));
  const [generation, era, epoch] = [1, 3, 77n];
  const commitments = polynomial.map((coefficient) => nobleBls.deriveKey(coefficient));
  const toMember = ({ address, signingKey, stake, boxKey }: EraValidator): EraValidator => ({
    ...{ address, signingKey, stake, boxKey },
  });
  const message = encodeEpochMessage(NETWORK, { generation, epoch });
  const signature = nobleBls.sign(polynomial[0] as bigint, message);
  const holders = seats.seats.filter(({ tickets }) => tickets > 0);
  const sent = holders.map((seat) => {
    const shares = listTickets(seat).map((ticket) => ({ ticket, scalar: evaluatePolynomial(polynomial, ticket) }));
    const partials = signPartials(nobleBls, NETWORK, { generation, era, epoch, shares });
    return { address: toHex(seat.address), partials: toHex(partialsFormat.encode(partials)) };
  });
  const lists = [
    [1n],
    [1n, 1n],
    [1n, 1n, 1n],
    [1n, 1n, 1n, 1n],
    stakes,
    [50n, 20n, 10n, 10n, 5n, 3n, 1n, 1n],
    [7n, 0n],
  ];
  return {
    chainId: String(NETWORK.chainId),
    settlement: toHex(NETWORK.settlement),
    keys: 'Private keys of the accounts: 32 bytes of 01 to 04. Private keys of the signing keys: 11 to 14. Secrets of the box keys: 21 to 24. Coefficients of the polynomial: 1000, 1001 and so on.',
    tickets: lists.map((list) => ({ stakes: list.map(String), ...computeTickets(list) })),
    seats: {
      hash: toHex(seats.hash),
      threshold,
      members: seats.seats.map(({ address, signingKey, stake, boxKey, firstTicket, tickets }) => ({
        ...{ address: toHex(address), signingKey: toHex(signingKey), stake: String(stake) },
        ...{ boxKeyHash: toHex(crypto.sha256(boxKey)), firstTicket, tickets },
      })),
    },
    commitments: commitments.map(toHex),
    ...{ generation, era, epoch: String(epoch), message: toHex(message), sent },
    signature: toHex(signature),
    value: toHex(computeThresholdValue(crypto, NETWORK, { epoch, signature })),
    certificate: toHex(thresholdCertificateFormat.encode({ generation, epoch, signature })),
    bank: toHex(computeThresholdBank(crypto, computeThresholdValue(crypto, NETWORK, { epoch, signature }))),
    eraRequest: toHex(eraMessageFormat.encode({ kind: 'request', era })),
    eraRecordHash: toHex(
      crypto.sha256(
        eraMessageFormat.encode({ kind: 'record', generation, era, seats: seats.seats.map(toMember), commitments }),
      ),
    ),
  };
}
