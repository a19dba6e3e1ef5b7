import { classesConfig } from '@ogong/cli/calibrate/calibrate-classes';
import { planConfig } from '@ogong/cli/calibrate/calibrate-plan';
import { publishConfig } from '@ogong/cli/calibrate/calibrate-publish';
import { runConfig as calibrateConfig } from '@ogong/cli/calibrate/calibrate-run';
import { buildConfig, diffConfig, mergeConfig, showConfig, signConfig } from '@ogong/cli/calibrate/calibrate-table';
import { convertConfig } from '@ogong/cli/convert/convert-command';
import { cardConfig } from '@ogong/cli/hub/card-command';
import { checkConfig } from '@ogong/cli/hub/evaluate/check-evaluation-command';
import { evaluateConfig } from '@ogong/cli/hub/evaluate/evaluate-command';
import { checkLineageConfig } from '@ogong/cli/hub/lineage/check-lineage-command';
import { mirrorConfig } from '@ogong/cli/hub/mirror-command';
import { pinConfig, unpinConfig } from '@ogong/cli/hub/pin-command';
import { pullConfig as pullHubConfig } from '@ogong/cli/hub/pull-command';
import { pushConfig } from '@ogong/cli/hub/push-command';
import { removeConfig as removeHubConfig } from '@ogong/cli/hub/remove-command';
import { searchConfig } from '@ogong/cli/hub/search-command';
import { versionsConfig } from '@ogong/cli/hub/versions-command';
import { addMemoryConfig } from '@ogong/cli/memory/add-command';
import { askMemoryConfig } from '@ogong/cli/memory/ask-memory-command';
import { exportMemoryConfig, importMemoryConfig } from '@ogong/cli/memory/export-command';
import { readMemoryConfig } from '@ogong/cli/memory/read-command';
import { searchMemoryConfig } from '@ogong/cli/memory/search-command';
import { memoryUpConfig } from '@ogong/cli/memory/up-command';
import { verifyMemoryConfig } from '@ogong/cli/memory/verify-memory-command';
import { buyConfig, quoteConfig as quoteLaunchConfig, sellConfig } from '@ogong/cli/money/launch-command';
import { replayConfig } from '@ogong/cli/replay-command';
import { adminConfig, gatewayConfig } from '@ogong/gateway/gateway-config';
import type { ConfigDefinition, ConfigFields } from '@ogong/host/config/field';
import { mcpConfig } from '@ogong/mcp/mcp-config';
import {
  backupConfig as backupMemoriesConfig,
  keysBackupConfig,
  memorydConfig,
  keyConfig as memoryKeyConfig,
  restoreConfig as restoreMemoriesConfig,
  rotateConfig as rotateMemoriesConfig,
} from '@ogong/memory/daemon/memoryd-config';
import { admissionsConfig } from '@ogong/provider/commands/admissions-command';
import {
  catalogueListConfig,
  catalogueRefreshConfig,
  catalogueShowConfig,
} from '@ogong/provider/commands/catalogue-command';
import { doctorConfig } from '@ogong/provider/commands/doctor-command';
import { installConfig, uninstallConfig } from '@ogong/provider/commands/install-command';
import { marketplaceConfig } from '@ogong/provider/commands/marketplace-command';
import {
  cpConfig,
  listConfig,
  psConfig,
  pullConfig,
  rmConfig,
  showConfig as showModelConfig,
  stopConfig,
} from '@ogong/provider/commands/model-commands';
import { quoteConfig } from '@ogong/provider/commands/quote-command';
import { runConfig } from '@ogong/provider/commands/run-command';
import { testimonyConfig } from '@ogong/provider/commands/testimony-command';
import { localConfig, serveConfig, startConfig } from '@ogong/provider/provider/provider-config';
import { proxyConfig } from '@ogong/provider/proxy/proxy-config';
import { segmentConfig } from '@ogong/provider/segment/machines-config';
import { verifierConfig } from '@ogong/provider/verifier/verifier-config';
import { relayConfig } from '@ogong/router/relay/relay-config';
import { registerConfig as registerRouterConfig, retireConfig, routerConfig } from '@ogong/router/router-config';
import { storedConfig } from '@ogong/storage/daemon/stored-config';
import {
  acquitConfig,
  allotConfig,
  consentConfig,
  convictConfig,
  ejectMachineConfig,
  pardonConfig,
  registerConfig,
  reinstateConfig,
  retireKeyConfig,
  revokeMachineConfig,
  setSignerConfig,
} from '@ogong/validator/commands/command-configs';
import { signerConfig } from '@ogong/validator/signer/signer-config';
import { validatorConfig } from '@ogong/validator/validator-config';

/** All commands of the reference page, which fit a terminal and end with examples that work. */
export const referenceConfigs = [
  validatorConfig,
  registerConfig,
  reinstateConfig,
  pardonConfig,
  convictConfig,
  acquitConfig,
  revokeMachineConfig,
  ejectMachineConfig,
  allotConfig,
  retireKeyConfig,
  consentConfig,
  setSignerConfig,
  signerConfig,
  verifierConfig,
  routerConfig,
  registerRouterConfig,
  retireConfig,
  relayConfig,
  storedConfig,
  mcpConfig,
  memorydConfig,
  memoryKeyConfig,
  backupMemoriesConfig,
  keysBackupConfig,
  restoreMemoriesConfig,
  rotateMemoriesConfig,
  gatewayConfig,
  adminConfig,
  quoteConfig,
  marketplaceConfig,
  testimonyConfig,
  proxyConfig,
  serveConfig,
  startConfig,
  localConfig,
  segmentConfig,
  runConfig,
  listConfig,
  showModelConfig,
  pullConfig,
  catalogueListConfig,
  catalogueShowConfig,
  catalogueRefreshConfig,
  cpConfig,
  rmConfig,
  psConfig,
  stopConfig,
  installConfig,
  uninstallConfig,
  admissionsConfig,
  doctorConfig,
  convertConfig,
  pushConfig,
  pullHubConfig,
  searchConfig,
  cardConfig,
  versionsConfig,
  mirrorConfig,
  pinConfig,
  unpinConfig,
  removeHubConfig,
  evaluateConfig,
  checkConfig,
  checkLineageConfig,
  quoteLaunchConfig,
  buyConfig,
  sellConfig,
  memoryUpConfig,
  addMemoryConfig,
  readMemoryConfig,
  searchMemoryConfig,
  askMemoryConfig,
  verifyMemoryConfig,
  exportMemoryConfig,
  importMemoryConfig,
  replayConfig,
  calibrateConfig,
  buildConfig,
  showConfig,
  planConfig,
  diffConfig,
  signConfig,
  mergeConfig,
  publishConfig,
  classesConfig,
] as unknown as readonly { definition: ConfigDefinition<ConfigFields> }[];
