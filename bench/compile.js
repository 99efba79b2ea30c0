// Compiles mutants of the contract in this folder, one after the other in one process: half of what a
// compilation costs is loading the compiler. For each line of JSON {file, text}, which is a file of src/ and
// what takes the place of its text, a line {code, deployed}: both in hex, or null where it does not compile.
"use strict";
const { readFileSync, readdirSync } = require("node:fs");
const { createInterface } = require("node:readline");
const solc = require("solc");

const plain = Object.fromEntries(
  readdirSync("src").map((file) => [`src/${file}`, { content: readFileSync(`src/${file}`, "utf8") }]),
);
const settings = {
  evmVersion: "london",
  optimizer: { enabled: true, runs: 200 },
  metadata: { bytecodeHash: "none", appendCBOR: false },
  remappings: ["@openzeppelin/=node_modules/@openzeppelin/"],
  outputSelection: { "src/ETSC.sol": { ETSC: ["evm.bytecode.object", "evm.deployedBytecode.object"] } },
};
const readSource = (path) => {
  try {
    return { contents: readFileSync(path, "utf8") };
  } catch {
    return { error: `there is no ${path}` };
  }
};

createInterface({ input: process.stdin }).on("line", (line) => {
  const { file, text } = JSON.parse(line);
  const sources = { ...plain, [`src/${file}`]: { content: text } };
  const input = JSON.stringify({ language: "Solidity", sources, settings });
  const { contracts, errors = [] } = JSON.parse(solc.compile(input, { import: readSource }));
  // As Foundry's `deny = "warnings"`.
  const evm = errors.length > 0 ? undefined : contracts["src/ETSC.sol"].ETSC.evm;
  const answer = { code: evm?.bytecode.object ?? null, deployed: evm?.deployedBytecode.object ?? null };
  process.stdout.write(`${JSON.stringify(answer)}\n`);
});
