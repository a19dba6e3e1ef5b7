// Loaded by load-checks.ts alone.
export { readNetworkTrust } from './network-trust.ts';
export { checkReceiptFile, readDroppedFile } from './receipt-file.ts';
