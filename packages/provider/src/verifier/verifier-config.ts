import { homedir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from '@ogong/host/config/define-config';
import { boolean, hex, hostPort, integer, text } from '@ogong/host/config/values';
import { networkFields } from '@ogong/host/lifecycle/daemon-context';
import { certificatePin, knownPeer } from '@ogong/host/link/peer-values';
import { visionFields } from '../engine/encoder-flag.ts';
import { engineFields } from '../engine/engine-config.ts';

const ENGINE = 'the verifier has an engine of its own; --model names the models that it loads';

export const verifierConfig = defineConfig({
  name: 'ogong-verifierd',
  examples: ['ogong-verifierd --model stories15M --deployment deployment.json'],
  summary: 'Re-runs claimed replies on its own engine and reports to registered validators what it saw.',
  refusedFlags: {
    'provider-url': ENGINE,
    'ref-url': ENGINE,
    'audio-engine-url': 'sound and video are not served yet; --model names the models of texts and pictures',
    k: 'the beacon draws the steps that are checked; --alpha of ogong-validatord sets how many replies are audited',
  },
  fields: {
    bind: {
      schema: hostPort,
      label: '<addr>',
      env: 'OGONG_VERIFIER_BIND',
      default: '0.0.0.0:4545',
      description: 'address of the link endpoint',
    },
    relay: {
      schema: knownPeer,
      label: '<host:port|cert>',
      env: 'OGONG_VERIFIER_RELAY',
      repeatable: true,
      description:
        "relay to register with, with its certificate as a file or hash; the provider's --verifier-endpoint is relay/host:port then",
    },
    model: {
      schema: text,
      label: '<path|name>',
      env: 'OGONG_VERIFIER_MODEL',
      repeatable: true,
      description:
        'model to re-run replies on, every one that its providers offer: a GGUF file, a model folder, hf:owner/repo[:quant], a URL, or a built-in name. It is required without --segment and --hub-of',
    },
    segment: {
      schema: text,
      label: '<slab>',
      env: 'OGONG_VERIFIER_SEGMENT',
      repeatable: true,
      description:
        "slab to run a shard's layers again on, every one that its providers serve: a file of ogong model split, with manifest.slabs beside it (docs/segments.md)",
    },
    onDemand: {
      schema: boolean,
      boolean: true,
      env: 'OGONG_VERIFIER_ON_DEMAND',
      description:
        'load a model when a job asks for it, within --memory-budget; the one used longest ago goes where there is no room',
    },
    hubOf: {
      schema: text,
      label: '<path>',
      env: 'OGONG_VERIFIER_HUB_OF',
      description:
        'verify the models that a provider on this machine fetches by --serve-from-hub, too: the folder hub in its data directory. Models are loaded on demand then',
    },
    ...engineFields,
    ...visionFields,
    dataDir: {
      schema: text,
      label: '<path>',
      env: 'OGONG_VERIFIER_DATA_DIR',
      default: join(homedir(), '.ogong', 'verifier'),
      description: 'where keys are kept',
    },
    ...networkFields,
    certOut: { ...networkFields.certOut, env: 'OGONG_VERIFIER_CERT_OUT' },
    calibrateWith: {
      schema: certificatePin,
      label: '<path|hash>',
      env: 'OGONG_VERIFIER_CALIBRATE_WITH',
      repeatable: true,
      description:
        'certificate of a peer that may have replies scored to measure drift (ogong calibrate --peer), as a file or its SHA-256',
    },
    provider: {
      schema: hex(32),
      label: '<id>',
      env: 'OGONG_VERIFIER_PROVIDER',
      repeatable: true,
      description: 'provider that may announce this verifier: provider in the ready line of ogong-provider serve',
    },
    maxWaiting: {
      schema: integer({ min: 0, max: 10_000 }),
      default: '64',
      description: 'jobs that may wait; more are refused',
    },
  },
});
