package pebble

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"

	"github.com/hookwicket/hookwicket/queue"
)

func (c *checker) attempts() error {
	return c.each(kindAttempt, func(k, v []byte) error {
		if len(k) != 1+16+8+4 {
			return errDamaged
		}
		id := queue.ID(k[1:17])
		c.report.Attempts++
		if _, err := decodeAttempt(bytes.Clone(v), c.seal.of(id)); err != nil && !errors.Is(err, errNoKey) {
			c.problem(badAttempt, id.String())
		}
		var b keyBuffer
		return c.want(standingKey(&b, id, laneID(k[17:25])), attemptOfNone, id.String())
	})
}

func (c *checker) events() error {
	whole := func(k, _ []byte) error {
		if len(k) != 1+8+16 {
			return errDamaged
		}
		return nil
	}
	return c.owned(kindEvent, whole, func(k, v []byte) error {
		if err := whole(k, v); err != nil {
			return err
		}
		id := queue.ID(k[9:])
		var b keyBuffer
		return c.want(messageKey(&b, id), eventTooMuch, id.String())
	})
}

// keys sees to it that every dedupe key will be swept.
func (c *checker) keys() error {
	err := c.each(kindKey, func(k, v []byte) error {
		if len(k) != 1+16 || len(v) != 8 {
			return errDamaged
		}
		expiry := int64(binary.BigEndian.Uint64(v))
		if c.report.Keys++; expiry <= c.now {
			c.report.Expired++
		}
		var b keyBuffer
		return c.want(expiryKey(&b, expiry, queue.Key(k[1:])), keyUnswept, hex.EncodeToString(k[1:]))
	})
	if err != nil {
		return err
	}
	// An expiry without its key is none of the problems: a key that was recorded
	// anew leaves it, and it goes by itself.
	return c.each(kindExpiry, func(k, _ []byte) error {
		_, _, err := splitExpiry(k)
		return err
	})
}

func (c *checker) secrets() error {
	return c.each(kindSecret, func(k, v []byte) error {
		if len(k) != 1+16+16 {
			return errDamaged
		}
		c.report.Secrets++
		if _, err := c.seal.openSecret(k, v); err != nil {
			c.problem(badSecret, hex.EncodeToString(k[1:]))
		}
		return nil
	})
}

// others counts what has no counterpart.
func (c *checker) others() error {
	return errors.Join(
		c.each(kindGone, func(k, v []byte) error {
			if len(k) != 1+16 {
				return errDamaged
			}
			c.report.Gone++
			_, err := decodeGone(queue.ID(k[1:]), v)
			return err
		}),
		c.each(kindDamaged, func(_, _ []byte) error { c.report.Damaged++; return nil }),
	)
}
