import { toHex } from '@ogong/protocol/base/bytes';
import { createNobleLedgerSigner, nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { encodeRelayAccount } from '@ogong/protocol/exchange/relay/relay-account';
import { hashRelayVoucher, signRelayVoucher } from '@ogong/protocol/exchange/relay/relay-voucher';
import { parseRoutes } from '@ogong/protocol/exchange/routes';

const ENDPOINTS = [
  '203.0.113.7:8443',
  '[2001:db8::1]:8443',
  'provider.example:8443,relay/relay.example:4545',
  'relay/[2001:db8::2]:4545,relay/203.0.113.9:4545',
  'relay:4545',
  `punch/${'0123456789abcdef'.repeat(4)}`,
  `203.0.113.7:8443,punch/${'ab'.repeat(32)},relay/203.0.113.9:4545`,
];

const REFUSED = {
  'no text': '',
  'no port': '203.0.113.7',
  'a port that is none': '203.0.113.7:65536',
  'port 0': '203.0.113.7:0',
  'a relay without an address': 'relay/',
  'a punched route by an address': 'punch/203.0.113.7:8443',
  'a punched route by a short key': `punch/${'ab'.repeat(31)}`,
  'a punched route by a key in capitals': `punch/${'AB'.repeat(32)}`,
  'a punched route before a direct one': `punch/${'ab'.repeat(32)},203.0.113.7:8443`,
  'a relay before a punched route': `relay/203.0.113.9:4545,punch/${'ab'.repeat(32)}`,
  'a relay before a direct route': 'relay/203.0.113.9:4545,203.0.113.7:8443',
  'a route twice': '203.0.113.7:8443,203.0.113.7:8443',
  'five routes': 'a:1,b:1,c:1,d:1,e:1',
  'an empty route': '203.0.113.7:8443,',
  'a space': '203.0.113.7:8443, relay/203.0.113.9:4545',
  'a path': '203.0.113.7:8443/relay',
};

function describeVoucher(valueAtomic: bigint) {
  const payer = createNobleLedgerSigner(new Uint8Array(32).fill(0x42));
  const token = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(0x11) };
  const said = {
    payee: new Uint8Array(20).fill(0x22),
    valueAtomic,
    validBeforeS: 1_800_000_000,
    nonce: new Uint8Array(32).fill(0x33),
  };
  const { voucher, signature } = signRelayVoucher(crypto, payer, { token, ...said });
  return {
    ...{
      chainId: 31_337,
      token: toHex(token.verifyingContract),
      payer: toHex(payer.address),
      payee: toHex(said.payee),
    },
    ...{ value: `${valueAtomic}`, validBefore: said.validBeforeS, nonce: toHex(said.nonce), voucher: toHex(voucher) },
    digest: toHex(hashRelayVoucher(crypto, token, { ...said, payer: payer.address })),
    signature: toHex(signature),
  };
}

/** Routes of endpoints, and accounts of relays: `vectors/endpoint.json`, `vectors/relay-account.json`. */
export function createRelayVectors(): Readonly<Record<string, unknown>> {
  const fill = (value: number): Uint8Array => new Uint8Array(32).fill(value);
  const times = { sinceMs: 1_700_000_000_000, untilMs: 1_700_000_060_000 };
  const accounts = [
    {
      name: 'nothing',
      ...{ relayId: fill(1), certHash: fill(2), toNode: 0n, fromNode: 0n, links: 0n, sinceMs: 0, untilMs: 0 },
    },
    {
      name: 'some links',
      ...{ relayId: fill(3), certHash: fill(4), toNode: 1_024n, fromNode: 2n ** 40n, links: 7n, ...times },
    },
  ];
  return {
    endpoint: {
      endpoints: ENDPOINTS.map((text) => ({ text, routes: parseRoutes(text) })),
      refused: Object.entries(REFUSED).map(([why, text]) => ({ why, text })),
    },
    'relay-account': {
      accounts: accounts.map(({ name, ...account }) => ({
        ...{ name, relayId: toHex(account.relayId), certHash: toHex(account.certHash) },
        ...{ toNode: `${account.toNode}`, fromNode: `${account.fromNode}`, links: `${account.links}` },
        ...{ sinceMs: account.sinceMs, untilMs: account.untilMs, bytes: toHex(encodeRelayAccount(account)) },
      })),
      vouchers: [1n, 3n * 10n ** 18n].map(describeVoucher),
    },
  };
}
