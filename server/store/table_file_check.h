// The end of a table file, checked when the file is opened; internal to server/store.
//
// RocksDB verifies the checksum of a block before it reads what is in it, but not all of the end of a table file is
// covered. Nothing protects the footer, which says whether and how to verify: a damaged magic number makes the opening
// of a database, which reads properties for its statistics, take blocks for those of a table without checksums; a
// damaged kind of checksum can say that there are none; and a damaged size can be any number. The properties block is
// read first and verified later. When such bytes make no sense, the distribution's build ends the process by an
// assertion. Checked here, each is an error that names the file, at the start and later.
//
// The footer of format version 5, the last 53 bytes: the kind of checksum (1 byte), place and size of the metaindex
// block, place and size of the index block (four varints, padded with zeros to 40 bytes), the format version (4 bytes)
// and a magic number (8 bytes), both little-endian. The metaindex names the place of the properties block. Behind each
// block are a byte for its type and a checksum of 4 bytes: the low half of the block's XXH3, combined with the type.
#pragma once

#include <memory>

namespace rocksdb {
class Env;
}

namespace keyledger::store {

// An Env whose table files are checked when they are opened for reading: footer, metaindex and properties. Everything
// else is that of `env`, except that threads and clock are those of the default one. Opening a file that is damaged
// there fails with Corruption and the file's name. Lifetime: `env` must outlive it.
std::unique_ptr<rocksdb::Env> NewTableCheckingEnv(rocksdb::Env* env);

}  // namespace keyledger::store
