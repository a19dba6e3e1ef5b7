export type { Check } from '@ogong/protocol/base/checks';
export type { TimeSpan } from '@ogong/protocol/exchange/order-span';
export { isLocalReceipt, type LocalReceipt, parseAnyReceipt } from '@ogong/protocol/stage1/local-receipt';
export { addPublishedRoot, type FindModelRoots } from '@ogong/protocol/stage1/published-root';
export { encodeReceipt, parseReceipt, type Receipt } from '@ogong/protocol/stage1/receipt';
export { parseTrust, type Trust, type TrustJson, toTrustJson } from '@ogong/protocol/stage1/trust';
export type { Posture } from '@ogong/protocol/tier/posture';
export type { AgentCall, AgentStep } from '@ogong/protocol/verdict/agent/agent-chain';
export type { AgentChainVerdict, AgentStepVerdict } from '@ogong/protocol/verdict/agent/verify-agent-chain';
export { type SealedDisclosure, toDisclosureJson } from '@ogong/protocol/verdict/receipt/sealed-disclosure';
export type { IntakeEvidence, SettledEvidence, UnsettledReply } from '@ogong/protocol/verdict/receipt/settled';
export type { ReceiptVerdict } from '@ogong/protocol/verdict/receipt/verify-receipt';
export type { ClaimedMachine } from '@ogong/protocol/verdict/receipt/verify-sealed-offer';
export { AgentError, type AgentErrorCode } from './agent/agent-error.ts';
export { encodeAgentChain, verifyAgentChain } from './agent/chain.ts';
export { type AgentOptions, type AgentProgress, type AgentRun, runAgent } from './agent/run-agent.ts';
export type { AgentTool } from './agent/run-tool.ts';
export type { CheckedReply } from './check-answer.ts';
export { createCheckedFetch } from './checked-fetch.ts';
export type { CheckedAnswer, CheckedStream } from './checked-stream.ts';
export {
  type CallOptions,
  type CheckedPictures,
  type Client,
  type ClientOptions,
  createClient,
} from './client.ts';
export { GatewayApiError, GatewayUnreachableError, ReceiptError, SealedCallError } from './errors.ts';
export {
  type ConversationExchange,
  type ConversationMemory,
  type ConversationMemoryFailure,
  type ConversationMemoryOptions,
  createConversationMemory,
} from './memory/conversation-memory.ts';
export { createMemoryClient, type MemoryClient, type MemoryClientOptions } from './memory/memory-client.ts';
export { MemoryApiError, type MemoryApiErrorCode } from './memory/memory-error.ts';
export type {
  MatchedMemory,
  MemoryAddition,
  MemoryAddParams,
  MemoryDetails,
  MemoryEditParams,
  MemoryFindings,
  MemoryMessage,
  MemoryProfile,
  MemoryProfileParams,
  MemorySearchParams,
  MemoryText,
  StoredMemory,
} from './memory/memory-types.ts';
export type { CheckedPicture } from './pictures/read-pictures.ts';
export {
  type FetchedReceipt,
  type FetchReceiptOptions,
  fetchIntake,
  fetchOpening,
  fetchReceipt,
  type ReceiptInput,
  type ReplyStatus,
  verifyLocalReceipt,
  verifyReceipt,
} from './receipts.ts';
export {
  type HeadTrust,
  type HeadVerdict,
  type PublicVerdict,
  type VerdictReview,
  type VerdictTrust,
  verifyLogHead,
  verifyVerdict,
} from './verdicts.ts';
