// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Parameters} from "./Parameters.sol";

/// @title Names and their weights
/// @notice A maker's name belongs to the address that claimed it first, for a fee. Only that address says which weights the
/// maker's models are. The first weights of a model are in force at once; later ones after the notice of Parameters.
contract ModelRegistry {
    using SafeERC20 for IERC20;

    uint256 public constant MAX_NAME_BYTES = 64;
    uint256 public constant MAX_LICENCE_BYTES = 64;
    uint256 public constant MAX_SOURCES = 8;
    uint256 public constant MAX_SOURCE_BYTES = 256;
    uint256 public constant MAX_ADAPTERS = 32;
    uint256 public constant MAX_VERSIONS = 256;
    /// A claim costs at least one whole token: unused names are not free.
    uint128 public constant LEAST_FEE = 1e18;
    /// Time after an announcement in which weights can be claimed. So nobody can keep an early claim hidden, and the owner of weights is
    /// final after this time.
    uint256 public constant CLAIM_TERM = 7 days;

    /// A maker's description of one model.
    struct Description {
        /// Content root of the weights.
        bytes32 modelRoot;
        bytes32 tokenizerHash;
        /// SPDX expression.
        string licence;
        /// Addresses of the weights.
        string[] sources;
        /// Content roots of the adapters that may be used with it.
        bytes32[] adapterRoots;
    }

    /// A description, in force from `from` on and before `until`, in seconds since 1970; `until` is 0 while no end is known.
    struct Version {
        uint64 from;
        uint64 until;
        Description description;
    }

    /// A model in a list.
    struct Listing {
        string maker;
        string model;
    }

    struct Seal {
        bytes32 hash;
        uint64 blockNumber;
        uint64 time;
    }

    /// The owner of weights.
    struct Claim {
        /// Of the announcement.
        uint64 blockNumber;
        string maker;
    }

    IERC20 public immutable token;
    Parameters public immutable parameters;
    /// The price of a claim. It goes to the treasury and does not come back.
    uint128 public immutable fee;

    mapping(address account => Seal) private _seals;
    mapping(string maker => address) public ownerOf;
    /// The address to which an owner has offered its name.
    mapping(string maker => address) public heirOf;
    mapping(string maker => mapping(string model => Version[])) private _versions;
    Listing[] private _listings;
    mapping(bytes32 modelRoot => Claim) private _claims;

    event MakerAnnounced(address indexed account, bytes32 seal);
    event RootClaimed(bytes32 indexed modelRoot, string maker, uint64 announcedIn);
    event MakerClaimed(string maker, address indexed owner);
    event MakerOffered(string maker, address indexed to);
    event ModelPublished(string maker, string model, bytes32 modelRoot, uint64 from);
    event ModelRevoked(string maker, string model);

    error FeeTooLow(uint128 fee, uint128 least);
    error NotAnnounced(bytes32 seal);
    error MakerTaken(string maker, address owner);
    error RootTaken(bytes32 modelRoot, string maker, uint64 announcedIn);
    error ClaimOver(uint256 since);
    error NotOwner(string maker, address owner);
    error NotOffered(string maker, address to);
    error BadName(string name);
    error BadText(string field);
    error BadCount(string field, uint256 count, uint256 maximum);
    error ZeroRoot(string field);
    error TooManyVersions(uint256 maximum);
    error NothingToRevoke(string maker, string model);

    constructor(IERC20 token_, Parameters parameters_, uint128 fee_) {
        if (fee_ < LEAST_FEE) revert FeeTooLow(fee_, LEAST_FEE);
        token = token_;
        parameters = parameters_;
        fee = fee_;
    }

    /// @notice Announces a claim, a block or more before `claim` or `claimRoot`. Otherwise anybody who sees a claim coming could make it
    /// first.
    /// @param seal `sealOf` the caller, the name and a random salt, or `rootSealOf` the caller, the weights and one.
    function announce(bytes32 seal) external {
        _seals[msg.sender] = Seal(seal, uint64(block.number), uint64(block.timestamp));
        emit MakerAnnounced(msg.sender, seal);
    }

    /// @notice Claims a free maker's name, for the fee.
    function claim(string calldata maker, bytes32 salt) external {
        _assertName(maker);
        address owner = ownerOf[maker];
        if (owner != address(0)) revert MakerTaken(maker, owner);
        _takeSeal(sealOf(msg.sender, maker, salt));
        ownerOf[maker] = msg.sender;
        emit MakerClaimed(maker, msg.sender);
        token.safeTransferFrom(msg.sender, parameters.recipients().treasury, fee);
    }

    /// @notice Says that weights are those of the caller's name, which was announced before anybody could read it here. If two claim the
    /// same weights, the earlier announcement counts, however late its claim comes. A copier that sees weights in a claim can only announce
    /// later.
    function claimRoot(string calldata maker, bytes32 modelRoot, bytes32 salt) external {
        _assertOwner(maker);
        if (modelRoot == 0) revert ZeroRoot("modelRoot");
        Seal memory announced = _takeSeal(rootSealOf(msg.sender, modelRoot, salt));
        uint256 end = announced.time + CLAIM_TERM;
        if (block.timestamp >= end) revert ClaimOver(end);
        Claim storage first = _claims[modelRoot];
        if (first.blockNumber != 0 && first.blockNumber <= announced.blockNumber) {
            revert RootTaken(modelRoot, first.maker, first.blockNumber);
        }
        (first.blockNumber, first.maker) = (announced.blockNumber, maker);
        emit RootClaimed(modelRoot, maker, announced.blockNumber);
    }

    /// @notice Offers a name to another address; the zero address takes an offer back.
    function offer(string calldata maker, address to) external {
        _assertOwner(maker);
        heirOf[maker] = to;
        emit MakerOffered(maker, to);
    }

    function accept(string calldata maker) external {
        if (heirOf[maker] != msg.sender) revert NotOffered(maker, msg.sender);
        delete heirOf[maker];
        ownerOf[maker] = msg.sender;
        emit MakerClaimed(maker, msg.sender);
    }

    /// @notice Says which weights a model is. The first time it is in force at once; later, also after a revocation, from
    /// `from` on. A call takes the place of an announcement that is not in force yet.
    /// @param from Seconds since 1970; if that is less than one notice ahead, one notice ahead. Ignored the first time.
    function publish(string calldata maker, string calldata model, uint64 from, Description calldata next) external {
        _assertOwner(maker);
        _assertName(model);
        _assertDescription(next);
        Version[] storage versions = _versions[maker][model];
        uint64 nowSeconds = uint64(block.timestamp);
        if (versions.length == 0) {
            from = nowSeconds;
            _listings.push(Listing(maker, model));
        } else {
            uint64 earliest = nowSeconds + parameters.delays().notice;
            if (from < earliest) from = earliest;
            _dropPending(versions);
            if (versions.length == MAX_VERSIONS) revert TooManyVersions(MAX_VERSIONS);
            Version storage before = versions[versions.length - 1];
            if (before.until == 0 || before.until > nowSeconds) before.until = from;
        }
        versions.push(Version(from, 0, next));
        emit ModelPublished(maker, model, next.modelRoot, from);
    }

    /// @notice Revokes the version in force and the announced one at once. A version that was in force before stays on record.
    function revoke(string calldata maker, string calldata model) external {
        _assertOwner(maker);
        Version[] storage versions = _versions[maker][model];
        if (versions.length == 0) revert NothingToRevoke(maker, model);
        uint256 before = versions.length;
        _dropPending(versions);
        Version storage current = versions[versions.length - 1];
        uint64 nowSeconds = uint64(block.timestamp);
        bool inForce = current.until == 0 || current.until > nowSeconds;
        if (!inForce && before == versions.length) revert NothingToRevoke(maker, model);
        if (inForce) current.until = nowSeconds;
        emit ModelRevoked(maker, model);
    }

    /// @notice The version in force at a time; `from` is 0 if there was none.
    function versionAt(string calldata maker, string calldata model, uint64 time) external view returns (Version memory) {
        Version[] storage versions = _versions[maker][model];
        for (uint256 i = versions.length; i > 0; --i) {
            Version storage version = versions[i - 1];
            if (version.from > time) continue;
            if (version.until == 0 || version.until > time) return version;
            break;
        }
        Version memory none;
        return none;
    }

    /// @notice Every version of a model, the oldest first; the last may be announced only.
    function versionsOf(string calldata maker, string calldata model) external view returns (Version[] memory) {
        return _versions[maker][model];
    }

    /// @notice The owner of the name whose weights these are; zero for weights that nobody claimed. The publisher of the weights does not
    /// matter.
    function makerOf(bytes32 modelRoot) external view returns (address) {
        string memory maker = _claims[modelRoot].maker;
        return bytes(maker).length == 0 ? address(0) : ownerOf[maker];
    }

    /// @notice How many models were ever published.
    function modelCount() external view returns (uint256) {
        return _listings.length;
    }

    /// @notice The models from `first` on, in the order of their first publication; at most `count`.
    function models(uint256 first, uint256 count) external view returns (Listing[] memory list) {
        uint256 total = _listings.length;
        uint256 left = first < total ? total - first : 0;
        list = new Listing[](left < count ? left : count);
        for (uint256 i; i < list.length; ++i) {
            list[i] = _listings[first + i];
        }
    }

    /// @notice The value that `announce` takes.
    function sealOf(address account, string calldata maker, bytes32 salt) public pure returns (bytes32) {
        return keccak256(abi.encode(account, maker, salt));
    }

    /// @notice The value that `announce` takes for weights.
    function rootSealOf(address account, bytes32 modelRoot, bytes32 salt) public pure returns (bytes32) {
        return keccak256(abi.encode(account, modelRoot, salt));
    }

    /// @dev The caller's announcement, which is used up.
    function _takeSeal(bytes32 seal) private returns (Seal memory announced) {
        announced = _seals[msg.sender];
        if (announced.hash != seal || announced.blockNumber >= block.number) revert NotAnnounced(seal);
        delete _seals[msg.sender];
    }

    /// The first version is never announced only, so one is always left. The caller sets its end, if it is in force.
    function _dropPending(Version[] storage versions) private {
        if (versions[versions.length - 1].from > block.timestamp) versions.pop();
    }

    function _assertOwner(string calldata maker) private view {
        address owner = ownerOf[maker];
        if (owner != msg.sender) revert NotOwner(maker, owner);
    }

    /// As in a model id: lower-case letters and digits, and after the first of them also `.`, `_` and `-`.
    function _assertName(string calldata name) private pure {
        bytes calldata text = bytes(name);
        if (text.length == 0 || text.length > MAX_NAME_BYTES) revert BadName(name);
        for (uint256 i; i < text.length; ++i) {
            bytes1 c = text[i];
            bool isAlphanumeric = (c >= "a" && c <= "z") || (c >= "0" && c <= "9");
            if (!isAlphanumeric && (i == 0 || (c != "." && c != "_" && c != "-"))) revert BadName(name);
        }
    }

    function _assertDescription(Description calldata next) private pure {
        if (next.modelRoot == 0) revert ZeroRoot("modelRoot");
        _assertText("licence", next.licence, MAX_LICENCE_BYTES);
        if (next.sources.length > MAX_SOURCES) revert BadCount("sources", next.sources.length, MAX_SOURCES);
        for (uint256 i; i < next.sources.length; ++i) {
            _assertText("sources", next.sources[i], MAX_SOURCE_BYTES);
        }
        uint256 adapters = next.adapterRoots.length;
        if (adapters > MAX_ADAPTERS) revert BadCount("adapterRoots", adapters, MAX_ADAPTERS);
        for (uint256 i; i < adapters; ++i) {
            if (next.adapterRoots[i] == 0) revert ZeroRoot("adapterRoots");
        }
    }

    /// Printable ASCII, so that no terminal obeys it.
    function _assertText(string memory field, string calldata value, uint256 maximum) private pure {
        bytes calldata text = bytes(value);
        if (text.length == 0 || text.length > maximum) revert BadText(field);
        for (uint256 i; i < text.length; ++i) {
            if (text[i] < 0x20 || text[i] > 0x7e) revert BadText(field);
        }
    }
}
