import { nodeSeal } from '@ogong/host/crypto/node-seal';
import { toBase64 } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto } from '@ogong/protocol/crypto/noble';
import { parseTicket } from '@ogong/protocol/exchange/ticket';
import { GATEWAY_ROUTES } from '@ogong/protocol/http/routes';
import { SEAL_SUITE } from '@ogong/protocol/sealing/seal-context';
import { hashSealKey, signSealKey } from '@ogong/protocol/sealing/seal-key';
import { encodeValidatorSealKey, hashValidatorSealKey } from '@ogong/protocol/sealing/validator-seal-key';
import { parseSealedOffer, type SealedOfferJson } from '@ogong/protocol/stage1/sealed-offer';
import { createClient } from '@ogong/sdk';
import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import type { GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { createGatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { defineAttack } from '../define-attack.ts';

type Meddle = (path: string, text: string) => Response | string;

const own = createNobleHybridSigner(new Uint8Array(64).fill(0x6e));
const ownLedger = createNobleLedgerSigner(new Uint8Array(32).fill(0x6e));
const ownKey = nodeSeal.openKemKey(new Uint8Array(32).fill(0x6e)).publicKey;

/** The offer with a key that this gateway can open with. @param isNamed in the provider's name, and not its own. */
function swapKey(text: string, isNamed: boolean): string {
  const json = JSON.parse(text) as SealedOfferJson;
  const { ledger, ticket, sealKey } = parseSealedOffer(json);
  const nowMs = Date.now();
  const signed = signSealKey(own, {
    ...{ suite: SEAL_SUITE, chainId: ledger.chainId, escrow: ledger.verifyingContract },
    providerId: isNamed ? parseTicket(ticket.bytes).providerId : hashHybridKey(nobleCrypto, own.publicKey),
    ...{ sequence: 2n ** 62n, issuedAtMs: nowMs, expiresAtMs: nowMs + 600_000, key: ownKey },
  });
  const forged = {
    bytes: toBase64(signed.sealKey),
    publicKey: toBase64(isNamed ? sealKey.publicKey : signed.providerKey),
    signature: toBase64(signed.signature),
  };
  return JSON.stringify({ ...json, sealKey: forged });
}

/** The offer with a key that parts would be sealed to, and this gateway can open. */
function swapValidatorKey(text: string): string {
  const json = JSON.parse(text) as SealedOfferJson;
  const { ledger, validator } = parseSealedOffer(json);
  const issuedAtMs = Date.now();
  const sealKey = encodeValidatorSealKey({
    ...{ suite: SEAL_SUITE, chainId: ledger.chainId, escrow: ledger.verifyingContract, validator },
    ...{ issuedAtMs, expiresAtMs: issuedAtMs + 600_000, key: ownKey },
  });
  const digest = hashValidatorSealKey(nobleCrypto, ledger, { validator, sealKey: hashSealKey(nobleCrypto, sealKey) });
  const validatorKey = { bytes: toBase64(sealKey), signature: toBase64(ownLedger.signDigest(digest)) };
  return JSON.stringify({ ...json, validatorKey });
}

/** The sealed pieces of a stream in another order, or not all of them. */
function bendPieces(text: string, bend: (pieces: string[]) => string[]): string {
  const events = text.split('\n\n');
  const isPiece = (event: string): boolean => event.includes('"type":"sealed"');
  const at = events.findIndex(isPiece);
  return [...events.slice(0, at), ...bend(events.filter(isPiece)), ...events.slice(at).filter((e) => !isPiece(e))].join(
    '\n\n',
  );
}

const at =
  (wanted: string, bend: (text: string) => Response | string): Meddle =>
  (path, text) =>
    path === wanted ? bend(text) : text;
const OFFER = GATEWAY_ROUTES.sealedOffer.path;
const REPLY = GATEWAY_ROUTES.sealedReply.path;

/** Changes that a gateway can make to passing messages. */
export const UNSEALINGS: Readonly<Record<string, Meddle>> = {
  'says that it seals nothing': at(OFFER, () => Response.json({ error: { code: 'unknown_url' } }, { status: 404 })),
  'shows a key of its own': at(OFFER, (text) => swapKey(text, false)),
  "shows a key of its own in the provider's name": at(OFFER, (text) => swapKey(text, true)),
  "shows a key of its own in the validator's name": at(OFFER, swapValidatorKey),
  'answers in plain': at(REPLY, () => 'data: {"choices":[{"delta":{"content":"yes"}}]}\n\ndata: [DONE]\n\n'),
  'repeats a piece': at(REPLY, (text) => bendPieces(text, ([first = '', ...rest]) => [first, first, ...rest])),
  'swaps two pieces': at(REPLY, (text) => bendPieces(text, ([a = '', b = '', ...rest]) => [b, a, ...rest])),
  'leaves a piece out': at(REPLY, (text) => bendPieces(text, (pieces) => pieces.toSpliced(1, 1))),
  'cuts the end off': at(REPLY, (text) => bendPieces(text, (pieces) => pieces.slice(0, -1))),
};

/** Stands before an honest gateway, and wants to read what its client seals. */
export const unsealingGateway = defineAttack({
  name: 'unsealing-gateway',
  adversary: 'gateway that removes the seal of its clients, or shows its own key',
  aim: 'read the prompts of clients that seal, or have them take another answer',
  stoppedBy: 'A client checks ticket, draw and seal key before it seals, and never asks in plain',
  restarts: { none: 'it attacks a client, which keeps nothing' },
  async play({ fixture, marker }: { readonly fixture: GatewayFixture; readonly marker: string }) {
    const sent: string[] = [];
    const { ledger, network } = fixture.network.chain;
    async function ask(meddle: Meddle): Promise<string | undefined> {
      const client = createClient({
        baseUrl: fixture.url,
        isSealed: true,
        trust: { ledger, settlement: network.settlement, validators: fixture.network.chain.validators() },
        // The fixture's parties are in no list.
        allow: ['router', 'validator', 'admission', 'intake', 'model-root'],
        async fetch(input, init) {
          sent.push(new TextDecoder().decode(init?.body as Uint8Array));
          const response = await fetch(input, init);
          const bent = meddle(new URL(String(input)).pathname, await response.text());
          return bent instanceof Response ? bent : new Response(bent, response);
        },
      });
      const messages = [{ role: 'user', content: marker }];
      return client.chat.completions.create({ model: FAKE_MODEL, messages }).then(
        () => undefined,
        (error: { readonly code?: string }) => error.code ?? String(error),
      );
    }
    const answered = (await ask((_, text) => text)) === undefined;
    const refused: Record<string, string | undefined> = {};
    for (const [what, meddle] of Object.entries(UNSEALINGS)) refused[what] = await ask(meddle);
    return { answered, refused, read: sent.some((body) => body.includes(marker)) };
  },
  async stage({ play, keep }) {
    const seals = { seals: true };
    const fixture = keep(await createGatewayFixture({ providers: [seals, seals, seals] }));
    const outcome = await play({ fixture, marker: 'words that stand in no ciphertext' });
    const { answered, refused, read } = outcome;
    const said = Object.entries(refused).map(([what, code]) => `${what}: ${code ?? 'it was taken'}`);
    return {
      tried: `passed a sealed call ${answered ? 'that was answered' : 'in vain'}, then ${Object.keys(refused).join(', ')}`,
      answered: [read ? 'the prompt stood in what it was sent' : 'no prompt stood in what it was sent', ...said],
      worked: read || !answered || Object.values(refused).includes(undefined),
    };
  },
});
