// Compiles one contract with the pinned compiler and writes its artifact; the same sources give the same bytes.
//   node compile.mjs [CONTRACT [SOURCE_FOLDER [OUTPUT_FILE]]]
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import solc from "solc";

const here = dirname(fileURLToPath(import.meta.url));
const contract = process.argv[2] ?? "ETSC";
const folder = process.argv[3] ?? join(here, "src");
const output = process.argv[4] ?? join(here, "artifacts", `${contract}.json`);

const sources = {};
for (const file of readdirSync(folder).filter((name) => name.endsWith(".sol")).sort()) {
  sources[`src/${file}`] = { content: readFileSync(join(folder, file), "utf8") };
}
// London is the last fork that a Geth able to mine proof of work knows in full.
const settings = {
  evmVersion: "london",
  viaIR: true,
  optimizer: { enabled: true, runs: 200 },
};
const wanted = ["abi", "evm.bytecode.object", "evm.deployedBytecode.object", "evm.deployedBytecode.immutableReferences"];
const answer = JSON.parse(
  solc.compile(
    JSON.stringify({
      language: "Solidity",
      sources,
      settings: { ...settings, outputSelection: { [`src/${contract}.sol`]: { [contract]: wanted } } },
    }),
  ),
);
if (answer.errors?.length) {
  console.error(answer.errors.map((error) => error.formattedMessage).join("\n"));
  process.exit(1); // a warning is an error too
}

const { abi, evm } = answer.contracts[`src/${contract}.sol`][contract];
const artifact = {
  contract,
  compiler: { name: "solc", version: solc.version(), settings },
  abi,
  bytecode: `0x${evm.bytecode.object}`,
  deployedBytecode: `0x${evm.deployedBytecode.object}`,
  immutableReferences: evm.deployedBytecode.immutableReferences,
};
writeFileSync(output, `${JSON.stringify(artifact, null, 1)}\n`);
