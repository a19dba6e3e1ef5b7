// Loaded by load-checks.ts alone.
export { showReply } from '../modality/reply-parts.tsx';
export { checkAgentFile, isAgentChain } from './agent-file.ts';
export { readNetworkTrust } from './network-trust.ts';
export { readAudit } from './read-audit.ts';
export { checkReceiptFile, readDroppedFile } from './receipt-file.ts';
