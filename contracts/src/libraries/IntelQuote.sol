// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";

/// @title Signatures of a quote of Intel SGX or TDX
/// @notice Checks what the chain can check by itself: that a platform's key signed for the enclave which signed the quote. A quorum checks
/// the origin of the platform's key, and whether platform and guest are good. Format: docs/spec/machine-registry.md.
library IntelQuote {
    /// The parts of a quote (versions 3, 4 and 5).
    struct Parts {
        /// Header and body.
        bytes signed;
        /// r and s, as are all signatures; keys are x and y.
        bytes signature;
        bytes attestationKey;
        /// Of the quoting enclave.
        bytes enclaveReport;
        bytes enclaveSignature;
        bytes authenticationData;
        /// Of the platform's certificate.
        bytes platformKey;
    }

    uint256 private constant PAIR_BYTES = 64;
    uint256 private constant REPORT_BYTES = 384;
    uint256 private constant REPORT_DATA_AT = 320;
    uint256 private constant HEADER_BYTES = 48;
    uint256 private constant MAX_AUTHENTICATION_BYTES = 1_024;
    uint256 private constant HALF_ORDER = P256.N / 2;

    error BadQuote(string part);

    /// @notice Reverts unless the platform's key leads to the quote.
    /// @return platform SHA-256 of the platform's key. @return reportData The 64 bytes that the guest had put into the quote.
    function check(Parts calldata parts) internal view returns (bytes32 platform, bytes calldata reportData) {
        bytes calldata report = parts.enclaveReport;
        if (report.length != REPORT_BYTES) revert BadQuote("enclave report");
        if (parts.attestationKey.length != PAIR_BYTES || parts.authenticationData.length > MAX_AUTHENTICATION_BYTES) {
            revert BadQuote("attestation key");
        }
        bytes32 named = sha256(bytes.concat(parts.attestationKey, parts.authenticationData));
        if (
            bytes32(report[REPORT_DATA_AT:REPORT_DATA_AT + 32]) != named
                || bytes32(report[REPORT_DATA_AT + 32:REPORT_DATA_AT + 64]) != 0
        ) revert BadQuote("attestation key");
        if (!_isSigned(report, parts.enclaveSignature, parts.platformKey)) revert BadQuote("enclave signature");
        if (!_isSigned(parts.signed, parts.signature, parts.attestationKey)) revert BadQuote("signature");
        return (sha256(parts.platformKey), _reportData(parts.signed));
    }

    /// @dev The place of a quote's report data follows from version and length.
    function _reportData(bytes calldata signed) private pure returns (bytes calldata) {
        if (signed.length < HEADER_BYTES) revert BadQuote("body");
        uint256 version = uint8(signed[0]);
        uint256 body = version == 5 ? HEADER_BYTES + 6 : HEADER_BYTES;
        uint256 length = signed.length - body;
        if (length == REPORT_BYTES) return signed[body + REPORT_DATA_AT:body + REPORT_DATA_AT + 64];
        if (length == 584 || (version == 5 && length == 648)) return signed[body + 520:body + 584];
        revert BadQuote("body");
    }

    /// @dev The library refuses the larger one of the two values of s that hold, Intel does not.
    function _isSigned(bytes calldata message, bytes calldata signature, bytes calldata key) private view returns (bool) {
        if (signature.length != PAIR_BYTES || key.length != PAIR_BYTES) return false;
        uint256 s = uint256(bytes32(signature[32:64]));
        if (s > HALF_ORDER && s < P256.N) s = P256.N - s;
        return P256.verify(
            sha256(message), bytes32(signature[:32]), bytes32(s), bytes32(key[:32]), bytes32(key[32:64])
        );
    }
}
