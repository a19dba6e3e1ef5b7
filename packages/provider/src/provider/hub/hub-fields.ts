import { amountForm, boolean, duration, escrowAmount, httpUrl, oneOf, size, text } from '@ogong/host/config/values';
import { isAttestedTier, listServedTiers } from '@ogong/protocol/tier/registry';

/** Tiers that an engine of this machine can serve without evidence. */
const TIERS = listServedTiers()
  .filter(({ name, windows }) => windows === 'draws' && !isAttestedTier(name))
  .map(({ name }) => name);

/** Models that a provider fetches because consumers ask for them. */
export const hubFields = {
  serveFromHub: {
    schema: boolean,
    boolean: true,
    env: 'OGONG_PROVIDER_SERVE_FROM_HUB',
    description:
      'fetch and serve models of the registry that consumers ask the routers for and that nobody serves, within --hub-budget (docs/hub-serving.md)',
  },
  hubBudget: {
    schema: size,
    env: 'OGONG_PROVIDER_HUB_BUDGET',
    default: '20GiB',
    description: 'disk for models of --serve-from-hub; those without orders for the longest time make room for others',
  },
  hubTier: {
    schema: oneOf(TIERS),
    env: 'OGONG_PROVIDER_HUB_TIER',
    repeatable: true,
    description: 'tier whose demand --serve-from-hub meets; verified if not given',
  },
  hubPrice: {
    schema: escrowAmount,
    env: 'OGONG_PROVIDER_HUB_PRICE',
    description: `price of 1,000 tokens of models of --serve-from-hub, ${amountForm}; that of --price if not given`,
  },
  hubPlace: {
    schema: text,
    label: '<url|folder>',
    env: 'OGONG_PROVIDER_HUB_PLACE',
    repeatable: true,
    description:
      'place that --serve-from-hub asks before those of the registry: an https address, s3://bucket/prefix, ipfs:<cid>, hf:owner/repo@<commit>, or a folder of a hub store',
  },
  hubIpfsGateway: {
    schema: httpUrl,
    env: 'OGONG_PROVIDER_HUB_IPFS_GATEWAY',
    description: 'server that reads IPFS over HTTP, for places of --serve-from-hub on IPFS',
  },
  hubLicence: {
    schema: text,
    label: '<id>',
    env: 'OGONG_PROVIDER_HUB_LICENCE',
    repeatable: true,
    description:
      'SPDX id of a licence that --serve-from-hub takes; Apache-2.0, MIT, BSD-2-Clause, BSD-3-Clause, CC0-1.0 and CC-BY-4.0 if not given',
  },
  hubInterval: {
    schema: duration,
    env: 'OGONG_PROVIDER_HUB_INTERVAL',
    default: '5m',
    description: 'pause between two looks of --serve-from-hub at the demand',
  },
} as const;
