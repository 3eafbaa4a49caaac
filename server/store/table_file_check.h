// The footer of a table file, checked when the file is opened; internal to server/store.
//
// RocksDB verifies the checksum of every block before it reads what is in it, but nothing protects the footer, which
// says whether and how. A damaged magic number makes the opening of a database, which reads properties for its
// statistics, take blocks for those of a table without checksums; the distribution's build then ends the process by an
// assertion when the bytes make no sense. A damaged kind of checksum can say that there are none, and a damaged size
// can be any number. Checked here, each is an error that names the file, at the start and later.
//
// The footer of format version 5, the last 53 bytes: the kind of checksum (1 byte), place and size of the metaindex
// block, place and size of the index block (four varints, padded with zeros to 40 bytes), the format version (4 bytes)
// and a magic number (8 bytes), both little-endian. Behind each block are 5 bytes of type and checksum.
#pragma once

#include <memory>

namespace rocksdb {
class Env;
}

namespace keyledger::store {

// An Env whose table files are checked when they are opened for reading. Everything else is that of `env`, except that
// threads and clock are those of the default one. Opening a file whose footer is damaged fails with Corruption and the
// file's name.
// Lifetime: `env` must outlive it.
std::unique_ptr<rocksdb::Env> NewTableCheckingEnv(rocksdb::Env* env);

}  // namespace keyledger::store
