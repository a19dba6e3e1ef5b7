import { gatewayConfig } from '@ogong/gateway/gateway-config';
import { DEFAULT_SERVER_LIMITS as LINK } from '@ogong/host/link/link-limits';
import type { MethodRates } from '@ogong/host/link/link-server';
import { NEWCOMER_LIMITS } from '@ogong/host/link/newcomer-budget';
import type { RateLimit } from '@ogong/host/link/token-bucket';
import { MAX_IMPORT_BYTES } from '@ogong/memory/api/integration-handlers';
import { memorydConfig } from '@ogong/memory/daemon/memoryd-config';
import { MAX_OPEN_IMPORTS, MAX_WAITING, SLOTS } from '@ogong/memory/imports/imports';
import { MAX_COMMITTEE_MEMBERS } from '@ogong/protocol/beacon/threshold/tickets';
import { PROVIDER_RATES } from '@ogong/provider/provider/provider';
import { verifierConfig } from '@ogong/provider/verifier/verifier-config';
import { ROUTER_RATES } from '@ogong/router/router';
import { storedConfig } from '@ogong/storage/daemon/stored-config';
import { ratesOf } from '@ogong/validator/access';
import { SECOND_DELIVERY_LIMITS } from '@ogong/validator/intake/second-recipient';
import { MAX_ANNOUNCEMENTS } from '@ogong/validator/store/announcement-store';

type Limit = readonly [entry: string, limit: string, beyond: string];

const HEAD = `# Rate limits

Generated from the constants of the daemons (\`node scripts/run.mjs scripts/generated.ts\`): every entry point for strangers, its limit, and the reaction beyond it.

- A rate is a number per second, with a burst at once.
- An address is an IPv4 address, or the first 64 bits of an IPv6 address.
- A known party is a validator of the registry. A router also knows providers with stake, and a verifier its calibrating peers ([links](spec/links.md)).

\`lab/src/attackers/protocol/doors.simulation.test.ts\` and \`lab/src/doors/floods.simulation.test.ts\` play floods at ten times the limits: every honest call is served, and the flood gets no further. \`npm run bench -- --only doors,log-doors\` measures the throughput of honest parties ([results](bench.md)).
`;

const mib = (bytes: number): string => `${bytes / 2 ** 20} MiB`;
const rate = ({ perSecond, burst }: RateLimit): string => `${perSecond}, bursts of ${burst}`;
const refused = 'refused, `rate-limited`';

const ofMethods = (rates: MethodRates): Limit[] =>
  Object.entries(rates).map(([name, { perSecond, burst, burstNow, isApart }]) => [
    `calls of \`${name.replace('ogong.v1.', '')}\`: per certificate; per address of strangers`,
    [
      `${rate({ perSecond, burst })}; ${rate({ perSecond: 4 * perSecond, burst: 4 * burst })}`,
      ...(burstNow === undefined
        ? []
        : [`the burst per certificate grows to ${burstNow()} with ${MAX_COMMITTEE_MEMBERS} validators`]),
      ...(isApart ? ['known parties have only this limit'] : []),
    ].join('; '),
    refused,
  ]);

const LINKS: readonly Limit[] = [
  ['started handshakes per address', rate(LINK.groupHandshakeRate), 'closed'],
  [
    'the same, if a stranger from there lost its links within a minute',
    rate(LINK.slowedHandshakeRate),
    'closed, unless a known party came from there',
  ],
  ['started handshakes, all addresses without a known party', rate(LINK.handshakeRate), 'closed'],
  [
    'connections before their handshake: per address; in all',
    `${LINK.maxHandshakesPerGroup}; ${LINK.maxHandshakes}`,
    'the oldest is closed',
  ],
  ['links per certificate', `${LINK.maxConnectionsPerPeer}`, 'closed'],
  [
    'links of strangers: per address; in all',
    `${LINK.maxConnectionsPerGroup}; ${LINK.maxConnections}`,
    'the longest idle link is closed, or the new one',
  ],
  ['of these, reserved for known parties', `${LINK.reservedConnections}`, ''],
  ['calls: per certificate; per address of strangers', `${rate(LINK.callRate)}; ${rate(LINK.groupCallRate)}`, refused],
  [
    'concurrent calls: per certificate; per address of strangers',
    `${LINK.maxCallsPerPeer}; ${LINK.maxCallsPerGroup}`,
    refused,
  ],
  [
    'refusals by a limit or for invalid messages: per certificate; per address of strangers',
    `${rate(LINK.refusalRate)}; ${rate(LINK.groupRefusalRate)}`,
    'its links are closed',
  ],
  [
    'memory for requests beyond 64 KiB each: per stranger; per address; in all',
    [LINK.maxBodyBytesPerPeer, LINK.maxBodyBytesPerGroup, LINK.maxBodyBytes].map(mib).join('; '),
    refused,
  ],
  [
    'the same: per known party; all known parties',
    [LINK.maxKnownBodyBytesPerPeer, LINK.maxKnownBodyBytes].map(mib).join('; '),
    refused,
  ],
];

const NEWCOMERS: readonly Limit[] = [
  ['orders per address: refused, repeated, or of an unknown payer', rate(NEWCOMER_LIMITS.ofAddress), refused],
  ['orders of unknown payers, in all', rate(NEWCOMER_LIMITS.ofStrangers), refused],
];

const VALIDATOR: readonly Limit[] = [
  ...ofMethods(ratesOf(() => MAX_COMMITTEE_MEMBERS)),
  ...NEWCOMERS,
  ['the same, per provider with accepted replies', rate(NEWCOMER_LIMITS.ofProvider), refused],
  ['the same, all such providers', rate(NEWCOMER_LIMITS.ofProviders), refused],
  ['listed announcements', `${MAX_ANNOUNCEMENTS}`, 'refused, `unavailable`'],
  [
    "other validators' delivery statements: per payer; in all",
    `${SECOND_DELIVERY_LIMITS.ofPayer}; ${SECOND_DELIVERY_LIMITS.all}`,
    'refused, `unavailable`',
  ],
];

const { maxConnections, maxConnectionsPerAddress, maxRequests, maxRequestsPerKey } = gatewayConfig.definition.fields;

const GATEWAY: readonly Limit[] = [
  ['HTTP connections', `${maxConnections.default}`, 'the longest idle one without a key is closed, or the new one'],
  ['of these, per address without a key', `${maxConnectionsPerAddress.default}`, 'the same'],
  ['of these, reserved for callers with a key', 'a quarter', ''],
  ['concurrent requests: in all; per key', `${maxRequests.default}; ${maxRequestsPerKey.default}`, 'refused, 429'],
];

const stored = storedConfig.definition.fields;

const STORED: readonly Limit[] = [
  [
    'HTTP connections: in all; per address',
    `${stored.maxConnections.default}; ${stored.connectionsPerAddress.default}`,
    'the longest idle one is closed, or the new one',
  ],
  ['bytes per second, all together', `${stored.rate.default}`, 'answers wait'],
];

const memoryd = memorydConfig.definition.fields;

const MEMORY: readonly Limit[] = [
  [
    'HTTP connections: in all; per address without a key',
    `${memoryd.maxConnections.default}; ${memoryd.connectionsPerAddress.default}`,
    'the longest idle one is closed, or the new one',
  ],
  ['bytes of a body; of an export or a file', `${memoryd.maxBody.default}; ${mib(MAX_IMPORT_BYTES)}`, 'refused, 413'],
  ['imports that are open: per user; in all', `${MAX_OPEN_IMPORTS}; ${SLOTS + MAX_WAITING}`, 'refused, 429'],
];

const ENTRIES: Readonly<Record<string, readonly Limit[]>> = {
  'Links of every daemon': LINKS,
  Router: ofMethods(ROUTER_RATES),
  Validator: VALIDATOR,
  Provider: [...ofMethods(PROVIDER_RATES), ...NEWCOMERS],
  Verifier: [
    [
      'waiting jobs',
      `${verifierConfig.definition.fields.maxWaiting.default}`,
      'callers take turns; the largest queue makes room',
    ],
  ],
  'HTTP port of a gateway': GATEWAY,
  'HTTP port of a storage provider': STORED,
  'API of memories': MEMORY,
};

/** The page of rate limits. */
export function formatDoorsPage(): string {
  const sections = Object.entries(ENTRIES).map(([title, limits]) => {
    const rows = [['entry', 'limit', 'beyond it'], ['---', '---', '---'], ...limits];
    return `## ${title}\n\n${rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`;
  });
  return [HEAD, ...sections].join('\n');
}
