package check

import (
	"bytes"
	"encoding/hex"
	"errors"

	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/queue/pebble/record"
	"github.com/hookwicket/hookwicket/queue/seal"
)

func (c *checker) attempts() error {
	return c.each(record.KindAttempt, func(k, v []byte) error {
		if len(k) != 1+16+8+4 {
			return record.ErrDamaged
		}
		id := queue.ID(k[1:17])
		c.report.Attempts++
		if _, err := record.DecodeAttempt(bytes.Clone(v), c.seal.For(id)); err != nil && !errors.Is(err, seal.ErrNoKey) {
			c.problem(badAttempt, id.String())
		}
		var b record.KeyBuffer
		return c.want(record.DeliveryKey(&b, id, record.Digest(k[17:25])), AttemptOfNone, id.String())
	})
}

func (c *checker) events() error {
	whole := func(k, _ []byte) error {
		if len(k) != 1+8+16 {
			return record.ErrDamaged
		}
		return nil
	}
	return c.owned(record.KindEvent, whole, func(k, v []byte) error {
		if err := whole(k, v); err != nil {
			return err
		}
		id := queue.ID(k[9:])
		var b record.KeyBuffer
		return c.want(record.MessageKey(&b, id), EventTooMuch, id.String())
	})
}

// keys sees to it that no dedupe key is deleted before it expires.
func (c *checker) keys() error {
	return c.each(record.KindKey, func(k, v []byte) error {
		end, key, err := record.SplitDedupe(k)
		if err != nil {
			return err
		}
		expiry, err := record.DecodeExpiry(v)
		if err != nil {
			return err
		}
		if c.report.Keys++; expiry <= c.now {
			c.report.Expired++
		}
		if expiry > end {
			c.problem(KeyTooShort, hex.EncodeToString(key[:]))
		}
		return nil
	})
}

func (c *checker) secrets() error {
	return c.each(record.KindSecret, func(k, v []byte) error {
		if len(k) != 1+16+16 {
			return record.ErrDamaged
		}
		c.report.Secrets++
		switch _, err := record.DecodeSecret(k, v, c.seal); {
		case errors.Is(err, seal.ErrNoKey):
			c.report.needsKey = true
			c.problem(sealedSecret, hex.EncodeToString(k[1:]))
		case err != nil:
			c.problem(BadSecret, hex.EncodeToString(k[1:]))
		}
		return nil
	})
}

// others counts the records without a counterpart.
func (c *checker) others() error {
	return errors.Join(
		c.each(record.KindGone, func(k, v []byte) error {
			if len(k) != 1+16 {
				return record.ErrDamaged
			}
			c.report.Gone++
			_, err := record.DecodeGone(queue.ID(k[1:]), v)
			return err
		}),
		c.each(record.KindDamaged, func(_, _ []byte) error { c.report.Damaged++; return nil }),
	)
}
