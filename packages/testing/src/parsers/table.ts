import { MEMORY_ROWS } from './memory-rows.ts';
import { OLLAMA_ROWS } from './ollama-rows.ts';
import { type Parser, type ParserRow, values } from './parser-row.ts';
import { SEEDS } from './seeds.ts';
import { SPECIAL_ROWS } from './special-rows.ts';
import { worstJson, worstJsonBytes, worstTexts } from './worst-inputs.ts';

/** Parsers of bytes, by file. Inputs begin as the encodings of the committed vectors do. */
const BYTES: Readonly<Record<string, readonly string[]>> = {
  'attestation/src/amd-snp.ts': ['parseSnpReport'],
  'attestation/src/intel-quote.ts': ['parseQuote'],
  'attestation/src/nvidia-spdm.ts': ['parseGpuReport'],
  'engine/src/pixels/picture-header.ts': ['readPictureHeader'],
  'hub/src/manifest.ts': ['parseHubManifest'],
  'host/src/link/reach/relay-wire.ts': ['parseRelayAsk', 'parseRelayGreeting'],
  'protocol/src/audit/test-report.ts': ['parseTestReport'],
  'protocol/src/beacon/beacon-message.ts': ['parseBeaconMessage'],
  'protocol/src/beacon/beacon.ts': ['parseBeaconCertificate'],
  'protocol/src/beacon/epoch-certificate.ts': ['parseEpochCertificate'],
  'protocol/src/commitment/opening.ts': ['parseOpening'],
  'protocol/src/commitment/record.ts': ['parseRecordV2'],
  'protocol/src/commitment/response-hash.ts': ['parseResponseSummary'],
  'protocol/src/crypto/bls-scalar.ts': ['decodeScalar'],
  'protocol/src/crypto/ledger-signature.ts': ['parseLedgerSignature'],
  'protocol/src/exchange/announcement.ts': ['parseAnnouncement'],
  'protocol/src/exchange/delivery.ts': ['parseDelivery'],
  'protocol/src/exchange/match.ts': ['parseCandidates'],
  'protocol/src/exchange/newcomer-work.ts': ['parseNewcomerWork'],
  'protocol/src/exchange/order.ts': ['parseOrder'],
  'protocol/src/exchange/ending/order-end.ts': ['parseEnd'],
  'protocol/src/exchange/over-admission.ts': ['parseOverAdmission'],
  'protocol/src/exchange/progress.ts': ['parseProgress'],
  'protocol/src/exchange/relay/relay-account.ts': ['parseRelayAccount'],
  'protocol/src/exchange/relay/relay-voucher.ts': ['parseRelayVoucher'],
  'protocol/src/exchange/ticket.ts': ['parseTicket'],
  'protocol/src/exchange/verifier-endorsement.ts': ['parseEndorsement'],
  'protocol/src/machine/machine-ejection.ts': ['parseMachineProof'],
  'protocol/src/network/network-document.ts': ['parseNetwork'],
  'protocol/src/sealing/sealed-refusal.ts': ['parseRefusalPart'],
  'protocol/src/modality/embedding/header.ts': ['parseEmbeddingHeader'],
  'protocol/src/modality/embedding/report.ts': ['parseEmbeddingReport'],
  'protocol/src/modality/embedding/request-summary.ts': ['parseEmbeddingSummary'],
  'protocol/src/modality/embedding/vector.ts': ['parseVector'],
  'protocol/src/modality/media/encoded-media.ts': ['decodeMedia'],
  'protocol/src/modality/tensor/header.ts': ['parseTensorHeader'],
  'protocol/src/modality/tensor/report.ts': ['parseTensorReport'],
  'protocol/src/modality/tensor/request-summary.ts': ['parseTensorSummary'],
  'protocol/src/modality/tensor/tensor-list.ts': ['parseTensorResponse'],
  'protocol/src/modality/trajectory/audit-job.ts': ['parseTrajectoryClaim'],
  'protocol/src/modality/trajectory/header.ts': ['parseTrajectoryHeader'],
  'protocol/src/modality/trajectory/projection.ts': ['parseProjection'],
  'protocol/src/modality/trajectory/report.ts': ['parseTrajectoryReport'],
  'protocol/src/modality/trajectory/request-summary.ts': ['parsePictureSummary'],
  'protocol/src/modality/text/boundary/boundary-pass.ts': ['parseBoundaryPass'],
  'protocol/src/modality/text/boundary/boundary-proof.ts': ['parseBoundaryProof'],
  'protocol/src/modality/text/boundary/boundary-root.ts': ['parseBoundaryRoot'],
  'protocol/src/modality/text/commitment/header.ts': ['parseHeader'],
  'protocol/src/modality/text/commitment/token-window.ts': ['decodeTokenWindow'],
  'protocol/src/modality/text/drift/drift-table-bytes.ts': ['parseDriftTable'],
  'protocol/src/modality/text/request/request-summary.ts': ['parseTextSummary'],
  'protocol/src/modality/text/stage2/divergence.ts': ['parseDivergence'],
  'protocol/src/modality/text/stage2/score-report.ts': ['parseScoreReport'],
  'protocol/src/modality/text/stage2/segment-report.ts': ['parseSegmentReport'],
  'protocol/src/modality/text/stage2/text-claim.ts': ['parseTextClaim'],
  'protocol/src/modality/text/stage2/trace-report.ts': ['parseTraceReport'],
  'protocol/src/settlement/batch.ts': ['parseSettlement'],
  'protocol/src/settlement/cohort-agreement.ts': ['parseCohortAgreement', 'parseCohortTerms'],
  'protocol/src/settlement/head-certificate.ts': ['parseHeadCertificate'],
  'protocol/src/settlement/verdict-log.ts': ['parseVerdictEntry'],
  'protocol/src/tier/attestation.ts': ['parseAttestation'],
  'protocol/src/tier/attested-role.ts': ['parseRoleEvidence'],
  'protocol/src/tier/evidence-parts.ts': ['parseParts'],
  'protocol/src/verdict/credential.ts': ['parseCredential'],
  'protocol/src/verdict/evidence.ts': ['parseEvidence', 'parseKeptConsent', 'parseDrift', 'parseCandidates'],
  'protocol/src/verdict/receipt/settled-proof.ts': ['parseSettledProof'],
  'protocol/src/verdict/witnessed.ts': ['parseStatements'],
};

/** Parsers of JSON in bytes. */
const JSON_BYTES: Readonly<Record<string, readonly string[]>> = {
  'attestation/src/image-list.ts': ['parseImageList'],
  'attestation/src/policy-file.ts': ['parsePolicy'],
  'attestation/src/testimony.ts': ['parseTestimony'],
  'gateway/src/books/card-wire.ts': ['parseCardEvent'],
  'hub/src/evaluation/evaluation-lines.ts': ['parseEvaluationLine'],
  'protocol/src/base/json.ts': ['parseJson'],
  'protocol/src/network/network-json.ts': ['parseSignedNetwork'],
  'protocol/src/tier/testimony.ts': ['parseHttpsExchange'],
  'storage/src/store/walrus/walrus-place.ts': ['parseWalrusPlace'],
};

/** Parsers of a text. */
const TEXTS: Readonly<Record<string, readonly string[]>> = {
  'engine/src/llama-cpp/numeric-class.ts': ['parseNumericClass'],
  'engine/src/onnx/numeric-class.ts': ['parseOnnxClass'],
  'engine/src/upstream/upstream-address.ts': ['parseUpstreamAddress'],
  'host/src/feed/feed-text.ts': ['parseFeed', 'parseNanoUsd'],
  'host/src/link/host-port.ts': ['parseHostPort'],
  'host/src/metrics/trace-context.ts': ['parseTraceParent'],
  'hub/src/licence.ts': ['parseLicence'],
  'hub/src/named/hub-name.ts': ['parseHubName'],
  'hub/src/place.ts': ['parsePlace'],
  'models/src/folder-files.ts': ['parseObject'],
  'models/src/remote.ts': ['parseRetryAfter'],
  'models/src/source.ts': ['parseModelSource'],
  'protocol/src/exchange/match.ts': ['parseModelId'],
  'protocol/src/exchange/routes.ts': ['parseRoutes'],
  'protocol/src/modality/text/request/context-overflow.ts': ['parseOverflow'],
  'protocol/src/stage1/receipt.ts': ['parseReceiptText'],
  'provider/src/calibration/source-id.ts': ['parseSourceId'],
  'provider/src/modality/text/model-request.ts': ['parseEndpointName'],
  'provider/src/provider/orders/usd-feed.ts': ['parseUsdRate'],
  'storage/src/store/open-store.ts': ['parseBucket'],
  'storage/src/daemon/pin-place.ts': ['parsePinPlace', 'parsePlaceBeginning'],
};

/** Parsers of a value that JSON.parse has returned. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  'attestation/src/intel-collateral.ts': ['parseCollateral'],
  'attestation/src/nvidia-token.ts': ['parseGpuTokens'],
  'gateway/src/books/signed-deposits.ts': ['parseSignedDeposit'],
  'protocol/src/modality/media/media.ts': ['parseMediaReference'],
  'protocol/src/modality/shared/preference-fields.ts': ['parseStandby'],
  'protocol/src/modality/shared/request-fields.ts': ['parseModelName', 'parseDemands', 'parseSources'],
  'protocol/src/modality/text/request/chat-messages.ts': ['parseMessages'],
  'protocol/src/stage1/receipt.ts': ['parseReceipt'],
  'protocol/src/stage1/sealed-offer.ts': ['parseSealedOffer'],
  'protocol/src/stage1/trust.ts': ['parseTrust', 'parseAllow'],
  'protocol/src/verdict/receipt/sealed-disclosure.ts': ['parseDisclosure'],
  'provider/src/local/ollama/keep-alive.ts': ['parseKeepAlive'],
};

/** Parsers that refuse larger inputs at once: their largest inputs are of this size. */
const LIMITS: Readonly<Record<string, number>> = {
  parseGpuReport: 64 * 1_024,
  parseQuote: 64 * 1_024,
  parseSettledProof: 32 * 1_024,
};

const ownSeeds = (file: string, name: string): Pick<ParserRow, 'seeds'> => {
  const seeds = SEEDS[`${file} ${name}`];
  return seeds === undefined ? {} : { seeds };
};
const ownLimit = (name: string): Pick<ParserRow, 'limit'> => {
  const limit = LIMITS[name];
  return limit === undefined ? {} : { limit };
};

const toRows = (files: Readonly<Record<string, readonly string[]>>, inputs: ParserRow['inputs']): ParserRow[] =>
  Object.entries(files).flatMap(([file, names]) =>
    names.map((name) => ({ file, name, inputs, ...ownSeeds(file, name), ...ownLimit(name) })),
  );

/** One row for each parser that a stranger can reach. */
export const PARSER_ROWS: readonly ParserRow[] = [
  ...toRows(BYTES, 'bytes'),
  ...toRows(JSON_BYTES, worstJsonBytes),
  ...toRows(TEXTS, worstTexts),
  ...toRows(VALUES, (size) => values(worstJson(size))),
  ...MEMORY_ROWS,
  ...SPECIAL_ROWS,
  ...OLLAMA_ROWS,
];

/** Parsers that the parser of a row calls, with the name of that row. */
export const REACHED_THROUGH: readonly (Parser & { readonly row: string })[] = [
  { file: 'attestation/src/intel-collateral.ts', name: 'parseSigned', row: 'parseCollateral' },
  { file: 'attestation/src/plain-xml.ts', name: 'parsePlainXml', row: 'parseRim' },
  { file: 'engine/src/pixels/decode-jpeg.ts', name: 'decodeJpeg', row: 'readPictureHeader' },
  { file: 'engine/src/pixels/gif.ts', name: 'decodeGif', row: 'readPictureHeader' },
  { file: 'engine/src/pixels/decode-picture.ts', name: 'decodeOpacity', row: 'readPictureHeader' },
  { file: 'engine/src/pixels/decode-picture.ts', name: 'decodePicture', row: 'readPictureHeader' },
  { file: 'engine/src/decode/text/template/parser.ts', name: 'parseTemplate', row: 'createChatTemplate' },
  { file: 'engine/src/upstream/documents.ts', name: 'parseDocument', row: 'parseJson' },
  { file: 'host/src/link/own-announcement.ts', name: 'parseOwnAnnouncement', row: 'parseAnnouncement' },
  { file: 'memory/src/imports/parse-export.ts', name: 'parseExport', row: 'parseChatGpt' },
  { file: 'protocol/src/modality/embedding/request.ts', name: 'parseText', row: 'parseEmbeddingRequest' },
  { file: 'protocol/src/modality/embedding/request.ts', name: 'parseInput', row: 'parseEmbeddingRequest' },
  { file: 'protocol/src/modality/embedding/request.ts', name: 'parseDimensions', row: 'parseEmbeddingRequest' },
  { file: 'protocol/src/modality/tensor/given-tensor.ts', name: 'parseGivenTensor', row: 'parseTensorRequest' },
  { file: 'protocol/src/modality/tensor/given-tensor.ts', name: 'parseOutputNames', row: 'parseTensorRequest' },
  { file: 'protocol/src/modality/tensor/tensor-data.ts', name: 'decodeTensorData', row: 'parseTensorResponse' },
  { file: 'protocol/src/modality/shared/preference-fields.ts', name: 'parsePreference', row: 'parseRequest' },
  { file: 'protocol/src/modality/shared/request-fields.ts', name: 'parseObject', row: 'parseRequest' },
  { file: 'protocol/src/modality/shared/request-fields.ts', name: 'parseBoolean', row: 'parseRequest' },
  { file: 'protocol/src/modality/shared/request-fields.ts', name: 'parseInteger', row: 'parseRequest' },
  { file: 'protocol/src/modality/shared/request-fields.ts', name: 'parseNumber', row: 'parseRequest' },
  { file: 'protocol/src/modality/shared/request-fields.ts', name: 'parseSeed', row: 'parseRequest' },
  { file: 'protocol/src/modality/trajectory/leaf.ts', name: 'parseStepLeaves', row: 'parseOpening' },
  { file: 'protocol/src/modality/shared/values.ts', name: 'decodeValues', row: 'parseProjection' },
  { file: 'protocol/src/modality/text/commitment/window.ts', name: 'decodeRows', row: 'decodeDraws' },
  { file: 'provider/src/modality/trajectory/score-picture.ts', name: 'parsePictureJob', row: 'parseTrajectoryHeader' },
  { file: 'protocol/src/modality/text/request/answer-grammar.ts', name: 'parseAskedForm', row: 'parseRequest' },
  { file: 'protocol/src/modality/text/request/chat-messages.ts', name: 'parseText', row: 'parseRequest' },
  {
    file: 'protocol/src/modality/text/request/completion-prompt.ts',
    name: 'parseCompletionPrompt',
    row: 'parseRequest',
  },
  { file: 'protocol/src/modality/text/request/thinking.ts', name: 'parseThinking', row: 'parseRequest' },
  { file: 'protocol/src/modality/text/request/tools.ts', name: 'parseToolUse', row: 'parseRequest' },
  { file: 'protocol/src/modality/text/request/request.ts', name: 'parsePricedRequest', row: 'parseRequest' },
  {
    file: 'protocol/src/modality/trajectory/request-picture.ts',
    name: 'parseSource',
    row: 'parsePictureRequest',
  },
  { file: 'protocol/src/modality/trajectory/step-range.ts', name: 'parseRange', row: 'parsePictureRequest' },
  { file: 'protocol/src/modality/trajectory/guidance-plan.ts', name: 'parseGuidancePlan', row: 'parsePictureRequest' },
  { file: 'protocol/src/base/exact-json.ts', name: 'parseExactMember', row: 'parseRequest' },
  { file: 'protocol/src/base/json.ts', name: 'parseJsonText', row: 'parseRequest' },
  { file: 'protocol/src/stage1/local-receipt.ts', name: 'parseAnyReceipt', row: 'parseReceipt' },
  {
    file: 'provider/src/modality/embedding/score-embedding.ts',
    name: 'parseEmbeddingJob',
    row: 'parseEmbeddingHeader',
  },
  { file: 'provider/src/modality/text/model-request.ts', name: 'parseModelRequest', row: 'parseRequest' },
  { file: 'provider/src/modality/text/score-text.ts', name: 'parseScoreJob', row: 'parseRequest' },
  { file: 'provider/src/modality/text/trace-claim.ts', name: 'parseTracedRecord', row: 'parseOpening' },
  { file: 'provider/src/verifier/scorer.ts', name: 'parseScorable', row: 'parseRequest' },
  { file: 'storage/src/store/walrus/walrus-place.ts', name: 'parseSlice', row: 'parseWalrusPlace' },
];

/** Parsers of texts that no stranger writes. */
export const NOT_FROM_STRANGERS: readonly (Parser & { readonly why: string })[] = [
  {
    file: 'engine/src/class-search/packed-tables.ts',
    name: 'decodeClassTables',
    why: 'the tables are part of the program',
  },
  { file: 'host/src/config/arguments.ts', name: 'parseArguments', why: 'the user types them' },
  {
    file: 'protocol/src/base/amount.ts',
    name: 'parseAmount',
    why: 'the user types it, or keeps it in a file of settings',
  },
  { file: 'hub/src/pin-tree.ts', name: 'parsePinNodes', why: 'the daemon wrote the file' },
  { file: 'host/src/lifecycle/ready-line.ts', name: 'parseReadyLine', why: 'a child process of the program writes it' },
];
